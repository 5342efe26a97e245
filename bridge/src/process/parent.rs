//! The process that started the bridge. Once it is gone, there is no agent left to serve, though another process may
//! still hold stdin open.

#[cfg(not(unix))]
mod elsewhere;
#[cfg(unix)]
mod unix;

#[cfg(not(unix))]
pub(crate) use elsewhere::ParentWatch;
#[cfg(unix)]
pub(crate) use unix::ParentWatch;
