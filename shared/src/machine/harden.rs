//! Keeps what a process holds and what it makes from other users, from other processes and from disk.

/// Disables core dumps and, on Linux, access to the process's memory through `/proc` or a debugger by other processes of
/// the same user. Does what it can and returns whether everything succeeded. On systems other than Unix it does nothing.
#[cfg(unix)]
pub fn harden() -> bool {
    use rustix::process::{Resource, Rlimit, setrlimit};

    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let no_core = setrlimit(Resource::Core, none).is_ok();
    no_core & not_dumpable()
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn not_dumpable() -> bool {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};

    set_dumpable_behavior(DumpableBehavior::NotDumpable).is_ok()
}

#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
fn not_dumpable() -> bool {
    true
}

/// Does nothing on this system.
#[cfg(not(unix))]
pub fn harden() -> bool {
    true
}

/// Makes everything that this process creates private to its user and usable by it, whatever umask the process inherited:
/// some systems start programs with 000. Children inherit it. On systems other than Unix it does nothing.
pub fn private_umask() {
    #[cfg(unix)]
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_here_and_a_second_time() {
        assert!(harden());
        assert!(harden());
        #[cfg(unix)]
        {
            use rustix::process::{Resource, getrlimit};
            assert_eq!(getrlimit(Resource::Core).current, Some(0));
        }
    }
}
