//! Whether the hub's keys are still those on its disk: `rotate` changes them under a hub that runs.

use std::time::Duration;

use junction_shared::machine::config_dir::ConfigDir;
use junction_shared::machine::identity::HubKey;
use tokio::time::sleep;

/// How often the file is looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Looks after the keys that a hub serves with.
pub(crate) struct KeyWatch {
    dir: ConfigDir,
    digest: [u8; 32],
}

impl KeyWatch {
    /// For a hub that serves with this key out of that directory.
    pub(crate) fn new(dir: &ConfigDir, key: &HubKey) -> Self {
        Self { dir: dir.clone(), digest: key.digest() }
    }

    /// Completes when there are other keys. A file that is gone, or that cannot be read, is not.
    pub(crate) async fn changed(self) {
        loop {
            sleep(POLL_INTERVAL).await;
            // A file of two lines: it takes less than handing it to another thread.
            if let Ok(Some(key)) = HubKey::load(&self.dir)
                && key.digest() != self.digest
            {
                return;
            }
        }
    }
}
