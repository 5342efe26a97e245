//! The one hub that a configuration directory has on a machine: the lock that it holds as long as it lives, and the file
//! that says which port it serves.
//!
//! Loopback ends at a network namespace, and a directory can be shared by several machines. So both files are named
//! for the machine and the namespace of the process, and whoever shares the directory but not the loopback interface
//! has a hub of its own.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::machine::config_dir::{ConfigDir, ConfigError, FileLockGuard};
use crate::machine::running_system;

/// The file with the port of the hub, before the name of the place.
const ADDRESS: &str = "hub.addr";
/// The file whose lock the hub holds.
const LOCK: &str = "hub.lock";
/// The file whose lock a hub holds that yields to one for other machines.
const YIELDS: &str = "hub.yields";
/// The file whose lock a hub for other machines holds while it waits.
const WANTED: &str = "hub.wanted";
/// The file that says that the user stopped the hub.
const STOPPED: &str = "hub.stopped";
/// All files that are named for a place.
const KINDS: [&str; 5] = [ADDRESS, LOCK, YIELDS, WANTED, STOPPED];
/// How old the files of a place are that no hub has used since.
const LITTER_AGE: Duration = Duration::from_hours(30 * 24);
/// Bytes of the digest that names a place: enough to tell all machines and namespaces of a person apart.
const PLACE_BYTES: usize = 8;

/// The variable by which a bridge tells the hub that it starts not to run where the user has stopped the hub. Bridges of
/// earlier versions do not set it, and know nothing of a hub that was stopped.
pub const UNLESS_STOPPED: &str = "JUNCTION_UNLESS_STOPPED";

/// What the files say about the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunningHub {
    /// No hub holds the lock.
    None,
    /// A hub holds the lock and has not written its port, or has removed it again: it starts or stops.
    Unready,
    /// A hub holds the lock and serves this port on loopback.
    At(u16),
}

impl RunningHub {
    /// The port of the hub, if it serves one.
    #[must_use]
    pub fn port(self) -> Option<u16> {
        match self {
            Self::At(port) => Some(port),
            Self::None | Self::Unready => None,
        }
    }
}

/// The files of the hub that a configuration directory has here.
#[derive(Clone, Debug)]
pub struct LocalHub {
    dir: ConfigDir,
}

impl LocalHub {
    /// The files in this directory. No file is touched.
    #[must_use]
    pub fn of(dir: &ConfigDir) -> Self {
        Self { dir: dir.clone() }
    }

    /// What the files say. A port that was left behind is not believed: the lock is free then.
    ///
    /// # Errors
    /// [`ConfigError`] if the directory or a file is not private to this user.
    pub fn running(&self) -> Result<RunningHub, ConfigError> {
        if !self.dir.is_locked(&name(LOCK))? {
            return Ok(RunningHub::None);
        }
        let text = self.dir.read_private(&name(ADDRESS))?;
        let port = text.and_then(|text| text.trim().parse().ok()).filter(|port| *port != 0);
        Ok(port.map_or(RunningHub::Unready, RunningHub::At))
    }

    /// Takes the lock, if no hub holds it. A port that a hub left behind is removed first.
    ///
    /// # Errors
    /// [`ConfigError`] if the directory or a file is not private to this user, or cannot be created.
    pub fn try_claim(&self) -> Result<Option<HubClaim>, ConfigError> {
        let Some(guard) = self.dir.try_passing_lock(&name(LOCK))? else { return Ok(None) };
        let claim = HubClaim { dir: self.dir.clone(), _guard: guard };
        claim.withdraw();
        Ok(Some(claim))
    }

    /// The id of the process that holds the lock, where the system tells.
    #[must_use]
    pub fn process(&self) -> Option<u32> {
        running_system::lock_holder(&self.dir.path().join(name(LOCK)))
    }

    /// Notes that the user stops the hub. The hub that runs ends, and bridges start none before a call of their agent
    /// needs one.
    ///
    /// # Errors
    /// [`ConfigError`] if the directory is not private to this user, or the file cannot be written.
    pub fn stop(&self) -> Result<(), ConfigError> {
        self.dir.write_private(&name(STOPPED), "")
    }

    /// Whether the user has stopped the hub, and none was started since.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        fs::symlink_metadata(self.dir.path().join(name(STOPPED))).is_ok()
    }

    /// Lets a hub start again after [`LocalHub::stop`], unless one still runs. False if that failed.
    pub fn permit_start(&self) -> bool {
        if let Ok(Some(claim)) = self.try_claim() {
            claim.permit_start();
        }
        !self.is_stopped()
    }

    /// Takes a lock that hubs use among themselves, if it is free.
    ///
    /// # Errors
    /// [`ConfigError`] if the directory or the file is not private to this user, or cannot be created.
    pub fn try_signal(&self, signal: HubSignal) -> Result<Option<FileLockGuard>, ConfigError> {
        self.dir.try_passing_lock(&name(signal.file()))
    }

    /// Whether a hub holds this lock.
    #[must_use]
    pub fn is_signalled(&self, signal: HubSignal) -> bool {
        self.dir.is_locked(&name(signal.file())).unwrap_or(false)
    }
}

/// Locks by which hubs of one directory agree on who gives way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HubSignal {
    /// The hub that lives was started by a bridge, and gives way.
    Yields,
    /// A hub for other machines waits for the lock.
    Wanted,
}

impl HubSignal {
    fn file(self) -> &'static str {
        match self {
            Self::Yields => YIELDS,
            Self::Wanted => WANTED,
        }
    }
}

/// The lock of the hub, held until this is dropped.
pub struct HubClaim {
    dir: ConfigDir,
    _guard: FileLockGuard,
}

impl HubClaim {
    /// Writes down the port that the hub serves.
    ///
    /// # Errors
    /// [`ConfigError`] if the file cannot be written.
    pub fn publish(&self, port: u16) -> Result<(), ConfigError> {
        self.dir.write_private(&name(ADDRESS), &format!("{port}\n"))?;
        self.sweep();
        Ok(())
    }

    /// Removes what hubs of other places left behind that were killed a long time ago: of boots and containers that will
    /// not come back. What cannot be removed is left to the next hub.
    fn sweep(&self) {
        let path = self.dir.path();
        // The clock of the file system: the directory may be another machine's.
        let written = |path: &Path| fs::symlink_metadata(path).and_then(|file| file.modified());
        let Ok(now) = written(&path.join(name(ADDRESS))) else { return };
        let Ok(entries) = fs::read_dir(path) else { return };
        for entry in entries.flatten() {
            let file = entry.file_name().to_string_lossy().into_owned();
            let is_named = |kind: &str| file.strip_prefix(kind).is_some_and(is_place);
            let Some(kind) = KINDS.into_iter().find(|kind| is_named(kind)) else { continue };
            let age = written(&entry.path()).ok().and_then(|then| now.duration_since(then).ok());
            if age.is_some_and(|age| age > LITTER_AGE) {
                // Under the lock of that place, whose own file goes with it.
                let lock = file.replacen(kind, LOCK, 1);
                if let Ok(Some(_lock)) = self.dir.try_passing_lock(&lock)
                    && lock != file
                {
                    self.dir.remove(&file);
                }
            }
        }
    }

    /// Notes that the hub that the user stopped is not wanted stopped any more.
    pub fn permit_start(&self) {
        self.dir.remove(&name(STOPPED));
    }

    /// Removes the port: from now on the hub takes no more connections.
    pub fn withdraw(&self) {
        self.dir.remove(&name(ADDRESS));
    }
}

impl Drop for HubClaim {
    fn drop(&mut self) {
        self.withdraw();
    }
}

/// The name of this machine and network namespace. Programs that share the loopback interface have the same.
#[must_use]
pub fn place() -> &'static str {
    static PLACE: OnceLock<String> = OnceLock::new();
    PLACE.get_or_init(|| {
        let digest = Sha256::digest(running_system::network_place());
        HEXLOWER.encode(&digest[..PLACE_BYTES])
    })
}

/// The name of a file of this machine and network namespace.
pub(crate) fn name(file: &str) -> String {
    format!("{file}.{}", place())
}

/// Whether this is the name of a place, after the name of a file.
fn is_place(text: &str) -> bool {
    let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let place = text.strip_prefix('.').unwrap_or_default();
    place.len() == 2 * PLACE_BYTES && place.bytes().all(hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh() -> (tempfile::TempDir, LocalHub) {
        let outer = tempfile::tempdir().unwrap();
        let dir = ConfigDir::at(outer.path().join("config"));
        (outer, LocalHub::of(&dir))
    }

    fn files(hub: &LocalHub) -> Vec<String> {
        let entries = fs::read_dir(hub.dir.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn port_is_believed_only_while_the_lock_is_held() {
        let (_outer, hub) = fresh();
        assert_eq!(hub.running().unwrap(), RunningHub::None);
        assert!(!hub.dir.path().exists(), "to look creates nothing");
        let claim = hub.try_claim().unwrap().unwrap();
        assert_eq!(hub.running().unwrap(), RunningHub::Unready);
        assert!(hub.try_claim().unwrap().is_none());
        claim.publish(4321).unwrap();
        assert_eq!(hub.running().unwrap(), RunningHub::At(4321));
        claim.withdraw();
        assert_eq!(hub.running().unwrap(), RunningHub::Unready);
        claim.publish(4321).unwrap();
        drop(claim);
        assert_eq!(hub.running().unwrap(), RunningHub::None);
    }

    #[test]
    fn port_of_a_hub_that_was_killed_is_removed_by_the_next() {
        let (_outer, hub) = fresh();
        hub.dir.write_private(&name(ADDRESS), "4321\n").unwrap();
        assert_eq!(hub.running().unwrap(), RunningHub::None);
        let _claim = hub.try_claim().unwrap().unwrap();
        assert_eq!(hub.running().unwrap(), RunningHub::Unready);
    }

    #[test]
    fn damaged_port_is_no_port() {
        let (_outer, hub) = fresh();
        let _claim = hub.try_claim().unwrap().unwrap();
        for text in ["", "0", "65536", "4200 4201", "127.0.0.1:4200", "evil"] {
            hub.dir.write_private(&name(ADDRESS), text).unwrap();
            assert_eq!(hub.running().unwrap(), RunningHub::Unready, "{text}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn hub_that_ends_leaves_no_file() {
        let (_outer, hub) = fresh();
        let claim = hub.try_claim().unwrap().unwrap();
        claim.publish(4321).unwrap();
        assert_eq!(files(&hub).len(), 2, "{:?}", files(&hub));
        let signal = hub.try_signal(HubSignal::Yields).unwrap().unwrap();
        assert!(hub.is_signalled(HubSignal::Yields) && !hub.is_signalled(HubSignal::Wanted));
        drop((signal, claim));
        assert_eq!(files(&hub), Vec::<String>::new());
        assert!(hub.try_claim().unwrap().is_some());
    }

    #[test]
    fn hub_that_was_stopped_stays_so_until_a_start_is_permitted() {
        let (_outer, hub) = fresh();
        assert!(!hub.is_stopped() && !hub.dir.path().exists());
        let claim = hub.try_claim().unwrap().unwrap();
        hub.stop().unwrap();
        assert!(!hub.permit_start() && hub.is_stopped(), "the hub that is to end still runs");
        drop(claim);
        assert!(hub.is_stopped());
        let held = hub.try_claim().unwrap().unwrap();
        assert!(hub.is_stopped(), "a lock alone permits nothing");
        held.permit_start();
        assert!(!hub.is_stopped());
        drop(held);
        hub.stop().unwrap();
        assert!(hub.permit_start() && !hub.is_stopped());
    }

    #[cfg(unix)]
    #[test]
    fn old_files_of_dead_places_are_removed_and_others_stay() {
        let (_outer, hub) = fresh();
        let place = |digit: &str| digit.repeat(2 * PLACE_BYTES);
        let old = [format!("{ADDRESS}.{}", place("0")), format!("{LOCK}.{}", place("1"))];
        let held = format!("{LOCK}.{}", place("2"));
        let kept = [
            held.clone(),
            format!("{ADDRESS}.{}", place("2")),
            format!("{ADDRESS}.{}", place("x")),
            "hub.key".to_owned(),
        ];
        let young = format!("{ADDRESS}.{}", place("3"));
        hub.dir.write_private(&young, "1\n").unwrap();
        for file in old.iter().chain(&kept) {
            hub.dir.write_private(file, "1\n").unwrap();
            let file = fs::File::options().write(true).open(hub.dir.path().join(file)).unwrap();
            let now = file.metadata().unwrap().modified().unwrap();
            file.set_modified(now - 2 * LITTER_AGE).unwrap();
        }
        let _held = hub.dir.try_passing_lock(&held).unwrap().unwrap();
        let claim = hub.try_claim().unwrap().unwrap();
        claim.publish(4321).unwrap();
        let mut expected = [&kept[..], &[young, name(ADDRESS), name(LOCK)]].concat();
        expected.sort();
        let mut left = files(&hub);
        left.sort();
        assert_eq!(left, expected);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn holder_of_the_lock_is_known_by_its_process() {
        let (_outer, hub) = fresh();
        assert_eq!(hub.process(), None);
        let _claim = hub.try_claim().unwrap().unwrap();
        assert_eq!(hub.process(), Some(std::process::id()));
    }
}
