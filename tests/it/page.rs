//! The page of `junction-bridge ui`, as a browser and others ask for it. The page in a real browser is tried by
//! `tests/page`.

mod access;
mod crowd;
mod mail;
mod opening;
