//! The file in which Claude Code shows other sessions what this one does: `sessions/PID.json` in its own folder. It is
//! written at once, also where no hook runs: as a dialog opens, and as a person interrupts a turn. It is not documented;
//! what is not as it was in version 2.1.330 shows nothing.

use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

use junction_shared::machine::settings::env_path;
use junction_shared::protocol::wire::State;
use serde::Deserialize;

use crate::clients::session_view::SessionView;
use crate::process::tree::ProcessTree;

/// The folder of Claude Code's own files, unless `CLAUDE_CONFIG_DIR` names another.
const HOME: &str = ".claude";
/// The most bytes of a file that are read. It has about 700.
const MAX_SIZE: u64 = 64 * 1024;

/// The file of the session that this process belongs to.
pub(super) struct SessionFile {
    /// The files of this process's ancestors, nearest first: the first that is there is the client's.
    places: Vec<(u32, PathBuf)>,
}

/// What is read of the file.
#[derive(Deserialize)]
struct SessionJson {
    pid: u32,
    status: Option<String>,
}

impl SessionFile {
    /// The file of the client that started this process, whether or not it is there yet.
    pub(super) fn of_own_client() -> Option<Self> {
        let own = env_path("CLAUDE_CONFIG_DIR");
        let folder = own.or_else(|| env_path("HOME").map(|home| home.join(HOME)))?.join("sessions");
        let ancestors = ProcessTree::now().ancestors(std::process::id()).into_iter();
        let places = ancestors.map(|pid| (pid, folder.join(format!("{pid}.json")))).collect();
        Some(Self { places })
    }
}

impl SessionView for SessionFile {
    fn state(&self) -> Option<State> {
        let opened = |(pid, path): &(u32, PathBuf)| Some((*pid, File::open(path).ok()?));
        let (pid, file) = self.places.iter().find_map(opened)?;
        read(file, pid)
    }
}

fn read(file: File, pid: u32) -> Option<State> {
    let mut text = String::new();
    file.take(MAX_SIZE).read_to_string(&mut text).ok()?;
    let session: SessionJson = serde_json::from_str(&text).ok()?;
    match session.status.filter(|_| session.pid == pid)?.as_str() {
        "idle" => Some(State::Idle),
        "busy" => Some(State::Busy),
        "waiting" => Some(State::WaitingOnHuman),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn state_is_what_the_nearest_clients_file_says() {
        let dir = TempDir::new().unwrap();
        let place = |pid: u32| (pid, dir.path().join(format!("{pid}.json")));
        let file = SessionFile { places: [7, 8, 9].map(place).into() };
        assert_eq!(file.state(), None);
        let write = |pid: u32, text: String| std::fs::write(place(pid).1, text).unwrap();
        let session = |pid: u32, status: &str| {
            json!({ "pid": pid, "status": status, "waitingFor": "permission prompt" }).to_string()
        };
        write(9, session(9, "busy"));
        assert_eq!(file.state(), Some(State::Busy));
        write(8, session(8, "waiting"));
        assert_eq!(file.state(), Some(State::WaitingOnHuman));
        write(8, session(8, "idle"));
        assert_eq!(file.state(), Some(State::Idle));
        for other in [session(8, "new word"), session(9, "idle"), "{\"pid\":8".to_owned()] {
            write(8, other);
            assert_eq!(file.state(), None);
        }
    }
}
