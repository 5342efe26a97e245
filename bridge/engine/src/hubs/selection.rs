//! The hub that a session uses: which one, where it is, whose group it serves, and whether the files that say so have
//! to be read again.

use std::time::{Duration, SystemTime};

use junction_shared::machine::config_dir::ConfigDir;
use junction_shared::machine::hosts::HOSTS_FILE;
use junction_shared::machine::identity::KEY_FILE;
use junction_shared::machine::settings::SettingError;
use junction_shared::protocol::close::Close;
use junction_shared::protocol::handshake::HandshakeError;
use junction_shared::protocol::id::GroupId;
use tokio::task::spawn_blocking;

use crate::hubs::autostart::{Autostart, HubStart, hub_program};
use crate::hubs::known::KnownHosts;
use crate::hubs::target::{HubGroup, HubTarget, TargetError};
use crate::transport::dial::DialError;

/// How often the files are read for another group than the one that a hub refused, and how many times.
const REREAD_EVERY: Duration = Duration::from_secs(1);
const REREADS: u32 = 30;

/// Why a session is not connected to its hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AwayReason {
    /// The first dial has not ended yet.
    NotYet,
    /// A setting has a value that it cannot have.
    Setting(SettingError),
    /// No hub that can be dialed has the name.
    Target(TargetError),
    /// The files were not read to the end.
    Interrupted,
    /// The hub cannot be reached, or the connection ended.
    Unreachable {
        /// The hub's address.
        address: String,
        /// Why there is no connection.
        cause: DialError,
        /// What became of the hub that was started here.
        start: HubStart,
        /// Whether the hub is of this machine's own group.
        is_own_group: bool,
    },
    /// The hub speaks no version of the protocol that this bridge speaks. It is not dialed again before its program or
    /// this machine's configuration has changed, or a call needs it.
    OtherVersion {
        /// The hub's address.
        address: String,
        /// The newest version that the hub speaks, if it said which.
        spoken: Option<u16>,
    },
    /// The hub did not prove that it belongs to the group.
    Unproven {
        /// The hub's address.
        address: String,
        /// What was wrong with its answer.
        cause: HandshakeError,
    },
}

/// The hub that a session uses.
pub(crate) struct HubSelection {
    known: KnownHosts,
    autostart: Autostart,
    /// What is wrong with the settings: then no hub is looked up.
    setting_error: Option<SettingError>,
    name: String,
    /// Where the hub is, once it was looked up.
    target: Option<HubTarget>,
    /// Whether the hub is of this machine's own group. A hub of another group is never started.
    is_own_group: bool,
    /// Whether the hub may be another, or have another group, than the files said when they were read.
    is_outdated: bool,
    /// The group that the hub refused.
    refused: Option<GroupId>,
    /// Whether the hub speaks no version of this bridge.
    is_other_version: bool,
}

impl HubSelection {
    /// The hub of this name, which is still to be looked up.
    pub(crate) fn new(
        name: String,
        known: KnownHosts,
        autostart: bool,
        setting_error: Option<SettingError>,
    ) -> Self {
        Self {
            known,
            autostart: Autostart::new(autostart),
            setting_error,
            name,
            target: None,
            is_own_group: false,
            is_outdated: false,
            refused: None,
            is_other_version: false,
        }
    }

    /// The hub's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The hub's place, once it was looked up.
    pub(crate) fn target(&self) -> Option<&HubTarget> {
        self.target.as_ref()
    }

    /// The hub, unless it has to be looked up again.
    pub(crate) fn current(&self) -> Option<HubTarget> {
        self.target.clone().filter(|_| !self.is_outdated)
    }

    /// Looks the hub and its group up in the files.
    pub(crate) fn look_up(
        &self,
    ) -> impl Future<Output = Result<(HubTarget, HubGroup), AwayReason>> + use<> {
        let (name, known) = (self.name.clone(), self.known.clone());
        let setting_error = self.setting_error;
        async move {
            if let Some(error) = setting_error {
                return Err(AwayReason::Setting(error));
            }
            // Off this thread: another process may hold the folder's lock.
            let found = spawn_blocking(move || known.target_and_group(&name)).await;
            found.map_err(|_| AwayReason::Interrupted)?.map_err(AwayReason::Target)
        }
    }

    /// Takes what [`HubSelection::look_up`] found.
    pub(crate) fn found(&mut self, target: HubTarget, is_own_group: bool) {
        self.is_outdated = false;
        self.is_own_group = is_own_group;
        self.select(target);
    }

    /// Selects a hub.
    pub(crate) fn select(&mut self, target: HubTarget) {
        self.name.clone_from(&target.name);
        self.target = Some(target);
    }

    /// Starts the hub, if it is this machine's and autostart is on.
    pub(crate) fn start_hub(&mut self) {
        if let Some(target) = self.target.as_ref().filter(|_| self.is_own_group) {
            self.autostart.start(&target.endpoint, &self.known.dir);
        }
    }

    /// Notes that the hub has welcomed the session.
    pub(crate) fn welcomed(&mut self) {
        self.autostart.succeeded();
    }

    /// Shortens the pause before the next dial while a hub is starting.
    pub(crate) fn shorten(&self, pause: Duration) -> Duration {
        self.autostart.shorten(pause)
    }

    /// Notes that the hub cannot be reached, or turned away a session of this group.
    pub(crate) fn unreachable(&mut self, cause: DialError, group: Option<GroupId>) -> AwayReason {
        if let DialError::OtherVersion(spoken) = cause {
            return self.other_version(spoken);
        }
        use Close::{Rotated, Unauthorized};
        let is_refused = matches!(cause, DialError::Closed(Rotated | Unauthorized));
        if is_refused && !self.is_own_group {
            self.refused = group;
        }
        // The files may have a new secret or a new link by now, or soon.
        self.is_outdated |= is_refused || matches!(cause, DialError::OtherKey { .. });
        AwayReason::Unreachable {
            address: self.address(),
            cause,
            start: self.autostart.last_start(),
            is_own_group: self.is_own_group,
        }
    }

    /// Notes that the hub did not prove that it belongs to the group.
    pub(crate) fn unproven(&mut self, cause: HandshakeError) -> AwayReason {
        if let HandshakeError::NoCommonVersion(newest) = cause {
            return self.other_version(Some(newest));
        }
        self.is_outdated = true;
        AwayReason::Unproven { address: self.address(), cause }
    }

    fn other_version(&mut self, spoken: Option<u16>) -> AwayReason {
        self.is_other_version = true;
        AwayReason::OtherVersion { address: self.address(), spoken }
    }

    /// Notes that the files may name another hub.
    pub(crate) fn files_changed(&mut self) {
        self.is_outdated = true;
    }

    /// If the hub speaks no version of this bridge: waits until the program of this machine's hub, or what this machine
    /// knows of hubs, has changed.
    pub(crate) fn other_program(&mut self) -> Option<impl Future<Output = ()> + use<>> {
        if !std::mem::take(&mut self.is_other_version) {
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
        let (name, known) = (self.name.clone(), self.known.clone());
        Some(async move {
            for _ in 0..REREADS {
                let (name, known) = (name.clone(), known.clone());
                let found = spawn_blocking(move || known.target_and_group(&name).ok());
                let group = found.await.ok().flatten().map(|(_, group)| group.keys.group);
                if group.is_some_and(|group| group != refused) {
                    return;
                }
                tokio::time::sleep(REREAD_EVERY).await;
            }
        })
    }

    fn address(&self) -> String {
        let address = |target: &HubTarget| target.endpoint.address();
        self.target.as_ref().map_or_else(|| self.name.clone(), address)
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
