//! What has to change before a hub is dialed again that cannot be used.

use std::time::{Duration, SystemTime};

use junction_shared::machine::config_dir::ConfigDir;
use junction_shared::machine::hosts::HOSTS_FILE;
use junction_shared::machine::identity::KEY_FILE;
use junction_shared::machine::local_hub::LocalHub;
use tokio::task::spawn_blocking;

use super::HubSelection;
use crate::hubs::autostart::hub_program;

/// How often the files are read for another group than the one that a hub refused, and how many times.
const REREAD_EVERY: Duration = Duration::from_secs(1);
const REREADS: u32 = 30;
/// How often to look whether a hub that the user has stopped may start again.
const LOOK_FOR_START_EVERY: Duration = Duration::from_millis(250);

impl HubSelection {
    /// If the user has stopped the hub: waits until one runs again, or may be started. Until then there is nothing to dial.
    pub(crate) fn permission(&mut self) -> Option<impl Future<Output = ()> + use<>> {
        if !std::mem::take(&mut self.is_stopped) {
            return None;
        }
        let hub = LocalHub::of(&self.known.dir);
        Some(async move {
            while hub.is_stopped() {
                tokio::time::sleep(LOOK_FOR_START_EVERY).await;
            }
        })
    }

    /// If the hub cannot serve the session: waits until the program of this machine's hub, or what this machine
    /// knows of hubs, has changed.
    pub(crate) fn other_program(&mut self) -> Option<impl Future<Output = ()> + use<>> {
        if !std::mem::take(&mut self.is_unfit) {
            return None;
        }
        let dir = self.known.dir.clone();
        let stamps = move || {
            let dir = dir.clone();
            spawn_blocking(move || stamps(&dir))
        };
        Some(async move {
            let before = stamps().await.ok();
            loop {
                tokio::time::sleep(REREAD_EVERY).await;
                if stamps().await.ok() != before {
                    return;
                }
            }
        })
    }

    /// If the hub has refused the group: waits until the files have another group for the hub's name. To dial again
    /// with the same group would only make the hub refuse other sessions of this machine. After a while it is dialed
    /// all the same, because the hub may have read other files by then.
    pub(crate) fn other_group(&mut self) -> Option<impl Future<Output = ()> + use<>> {
        let refused = self.refused.take()?;
        let (name, known) = (self.wish.clone(), self.known.clone());
        Some(async move {
            for _ in 0..REREADS {
                let (name, known) = (name.clone(), known.clone());
                let found = spawn_blocking(move || known.find(&name).ok());
                let group = found.await.ok().flatten().map(|found| found.group.keys.group);
                if group.is_some_and(|group| group != refused) {
                    return;
                }
                tokio::time::sleep(REREAD_EVERY).await;
            }
        })
    }
}

/// When the files last changed that say which hub there is: the hub's program, and all in the directory of links and keys,
/// where a hub that starts leaves its marks.
fn stamps(dir: &ConfigDir) -> Vec<Option<SystemTime>> {
    let files = [hub_program().ok(), Some(dir.path().to_owned())];
    let files =
        files.into_iter().chain([KEY_FILE, HOSTS_FILE].map(|name| Some(dir.path().join(name))));
    files.map(|file| std::fs::metadata(file?).ok()?.modified().ok()).collect()
}
