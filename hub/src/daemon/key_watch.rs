//! Notices when the hub's keys on disk change: `rotate` changes them while a hub is running.

use std::time::Duration;

use junction_shared::machine::config_dir::ConfigDir;
use junction_shared::machine::identity::HubKey;
use tokio::time::sleep;

/// How often the file is read.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Watches the keys that a hub serves with.
pub(crate) struct KeyWatch {
    dir: ConfigDir,
    digest: [u8; 32],
}

impl KeyWatch {
    /// Watches this directory for keys other than this one.
    pub(crate) fn new(dir: &ConfigDir, key: &HubKey) -> Self {
        Self { dir: dir.clone(), digest: key.digest() }
    }

    /// Completes when the keys have changed. A file that is missing or unreadable does not count as a change.
    pub(crate) async fn changed(self) {
        loop {
            sleep(POLL_INTERVAL).await;
            // The file has two lines: reading it here takes less than handing it to another thread.
            if let Ok(Some(key)) = HubKey::load(&self.dir)
                && key.digest() != self.digest
            {
                return;
            }
        }
    }
}
