//! A hub that knows the session's group no more: it is not asked again and again, but once the files say something
//! else.

use std::time::Duration;

use junction_shared::machine::config_dir::ConfigDir;
use junction_shared::protocol::id::GroupId;

use crate::hubs::target::{Target, group_of};

/// How often the files are looked at for another group than the one that a hub has refused, and how many times.
const LOOKS_EVERY: Duration = Duration::from_secs(1);
const LOOKS: u32 = 30;

/// Waits until the files have another group for the hub of this name than the one it refused. After a while it is
/// asked again all the same: it may have been the hub that had other files.
pub async fn another_group(hub: String, dir: ConfigDir, port: u16, refused: GroupId) {
    for _ in 0..LOOKS {
        let (hub, dir) = (hub.clone(), dir.clone());
        let found = tokio::task::spawn_blocking(move || {
            let target = Target::resolve(&hub, &dir, port).ok()?;
            group_of(&target, &dir).ok().map(|group| group.keys.group)
        });
        if found.await.ok().flatten().is_some_and(|found| found != refused) {
            return;
        }
        tokio::time::sleep(LOOKS_EVERY).await;
    }
}
