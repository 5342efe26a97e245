//! How many descriptors this process may have open.

/// The descriptor limit to assume where the system does not tell.
#[cfg(not(unix))]
const DESCRIPTORS: u32 = 8192;

/// The limit that macOS grants a process that asks for none: `OPEN_MAX` in its `sys/syslimits.h`.
#[cfg(unix)]
const OPEN_MAX: u64 = 10_240;

/// Raises the descriptor limit as far as this process may. Returns the new limit.
#[cfg(unix)]
pub fn raise_descriptor_limit() -> u32 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // Some systems report an infinite limit and then refuse to set it.
    let wishes = [maximum, Some(maximum.map_or(OPEN_MAX, |maximum| maximum.min(OPEN_MAX)))];
    let raise = |wish| setrlimit(Resource::Nofile, Rlimit { current: wish, maximum }).is_ok();
    let current = wishes.into_iter().find(|wish| raise(*wish)).unwrap_or(current);
    // `None` is "no limit".
    current.and_then(|current| u32::try_from(current).ok()).unwrap_or(u32::MAX)
}

/// Returns the limit to assume, which cannot be changed on this system.
#[cfg(not(unix))]
pub fn raise_descriptor_limit() -> u32 {
    DESCRIPTORS
}
