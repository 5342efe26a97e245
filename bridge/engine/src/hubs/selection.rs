//! The hub that a session uses: which one, where it is, whose group it serves, and whether the files that say so have
//! to be read again.

use std::time::Duration;

use junction_shared::machine::local_hub::{LocalHub, RunningHub};
use junction_shared::machine::settings::SettingError;
use junction_shared::protocol::close::Close;
use junction_shared::protocol::handshake::HandshakeError;
use junction_shared::protocol::id::GroupId;
use junction_shared::protocol::limits::HANDSHAKE_TIMEOUT;
use tokio::task::spawn_blocking;
use tokio::time::Instant;

mod changes;

use crate::hubs::autostart::{Autostart, HubStart};
use crate::hubs::failed_dial::{FailedDial, PortState};
use crate::hubs::known::KnownHosts;
use crate::hubs::target::{FoundHub, HubTarget, TargetError};
use crate::transport::dial::DialError;
use crate::transport::tls::Security;

/// How long a hub that holds the lock has to say where it serves, and how often it is asked.
const UNREADY_TIME: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// How long a listener on a port of this machine has to open a connection where no hub holds the lock: a call of an
/// agent that waits for its hub waits no longer than twice that.
const STRANGER_PATIENCE: Duration = Duration::from_secs(1);
/// How often to look who has a port, as long as the same is found.
const LOOK_AT_OWNER_EVERY: Duration = Duration::from_secs(30);

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
        /// What is known of the port.
        port: PortState,
    },
    /// The hub speaks no version of the protocol that this bridge speaks. It is not dialed again before its program or
    /// this machine's configuration has changed, or a call needs it.
    OtherVersion {
        /// The hub's address.
        address: String,
        /// The newest version that the hub speaks, if it said which.
        spoken: Option<u16>,
    },
    /// The user has stopped the hub of this machine.
    Stopped {
        /// Whether a call that needs the hub starts it again.
        is_startable: bool,
    },
    /// The session is to be in nobody's list, and the hub would list it.
    WouldBeListed {
        /// The hub's address.
        address: String,
        /// Whether the hub is reached as one of this machine: then it is older than sessions that are not listed.
        is_here: bool,
    },
    /// The hub did not prove that it belongs to the group.
    Unproven {
        /// The hub's address.
        address: String,
        /// What was wrong with its answer.
        cause: HandshakeError,
        /// What is known of the port.
        port: PortState,
    },
}

/// The hub that a session uses.
pub(crate) struct HubSelection {
    known: KnownHosts,
    autostart: Autostart,
    /// What is wrong with the settings: then no hub is looked up.
    setting_error: Option<SettingError>,
    /// The name by which the hub is looked up.
    wish: String,
    /// Where the hub is, once it was looked up.
    target: Option<HubTarget>,
    /// Whether the hub is of this machine's own group. A hub of another group is never started.
    is_own_group: bool,
    /// Whether the hub may be another, or have another group, than the files said when they were read.
    is_outdated: bool,
    /// The hub that this machine had when the files were read.
    running: RunningHub,
    /// What was found at the port at which the hub did not answer, and when.
    port: Option<(PortState, Instant)>,
    /// The group that the hub refused.
    refused: Option<GroupId>,
    /// Whether the hub cannot serve the session: it speaks no version of this bridge, or lists every session.
    is_unfit: bool,
    /// Whether the user has stopped the hub.
    is_stopped: bool,
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
            wish: name,
            target: None,
            is_own_group: false,
            is_outdated: false,
            running: RunningHub::None,
            port: None,
            refused: None,
            is_unfit: false,
            is_stopped: false,
        }
    }

    /// The hub's name.
    pub(crate) fn name(&self) -> &str {
        self.target.as_ref().map_or(&self.wish, |target| &target.name)
    }

    /// The hub's place, once it was looked up.
    pub(crate) fn target(&self) -> Option<&HubTarget> {
        self.target.as_ref()
    }

    /// The hub, unless it has to be looked up again.
    pub(crate) fn current(&self) -> Option<HubTarget> {
        self.target.clone().filter(|_| !self.is_outdated)
    }

    /// Looks the hub and its group up in the files. A hub of this machine that is starting, or stopping, is given a
    /// moment to say where it is.
    pub(crate) fn look_up(&self) -> impl Future<Output = Result<FoundHub, AwayReason>> + use<> {
        let (name, known) = (self.wish.clone(), self.known.clone());
        let setting_error = self.setting_error;
        async move {
            if let Some(error) = setting_error {
                return Err(AwayReason::Setting(error));
            }
            let deadline = Instant::now() + UNREADY_TIME;
            loop {
                let (name, known) = (name.clone(), known.clone());
                // Off this thread: another process may hold the folder's lock.
                let found = spawn_blocking(move || known.find(&name)).await;
                let found = found.map_err(|_| AwayReason::Interrupted)?;
                let found = found.map_err(AwayReason::Target)?;
                let is_unready = found.target.is_anywhere && found.running == RunningHub::Unready;
                if !is_unready || Instant::now() >= deadline {
                    return Ok(found);
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
    }

    /// Takes what [`HubSelection::look_up`] found.
    pub(crate) fn found(&mut self, target: HubTarget, is_own_group: bool, running: RunningHub) {
        self.is_outdated = false;
        self.is_own_group = is_own_group;
        self.running = running;
        self.select(target);
    }

    /// Selects a hub.
    pub(crate) fn select(&mut self, target: HubTarget) {
        self.wish = target.wish();
        self.target = Some(target);
    }

    /// How long the hub has to open a connection. Where no hub of this machine holds the lock, whatever listens is most
    /// likely none: only a hub of an earlier version holds no lock.
    pub(crate) fn patience(&self) -> Duration {
        match self.is_own_group && self.running == RunningHub::None {
            true => STRANGER_PATIENCE,
            false => HANDSHAKE_TIMEOUT,
        }
    }

    /// After a failed dial: finds out what has the port, and starts the hub if it is this machine's and none runs. A
    /// hub without a port of its own is also started where another program has the default port, and one that the user has
    /// stopped only if a call of the agent needs it.
    pub(crate) fn failed(
        &mut self,
        failed: &FailedDial,
        is_asked: bool,
    ) -> impl Future<Output = PortState> + use<> {
        let own = self.own_target().cloned();
        if let Some(target) = &own
            && self.is_missing(failed)
        {
            self.autostart.start(target, &self.known.dir, is_asked);
        }
        let (running, failed) = (self.running, failed.clone());
        let known = self.port.clone().filter(|(state, since)| {
            // To look through all processes with every dial would keep a processor busy.
            matches!(state, PortState::Taken(_) | PortState::DefaultTaken(_))
                && since.elapsed() < LOOK_AT_OWNER_EVERY
                && failed.is_taken()
                && running == RunningHub::None
        });
        async move {
            match (own, known) {
                (None, _) => PortState::Unknown,
                (Some(_), Some((state, _))) => state,
                (Some(target), None) => {
                    let state = move || PortState::after(&failed, &target, running);
                    spawn_blocking(state).await.unwrap_or_default()
                }
            }
        }
    }

    /// The hub, if it is this machine's own.
    fn own_target(&self) -> Option<&HubTarget> {
        let is_here = |target: &&HubTarget| target.endpoint.security == Security::Loopback;
        self.target.as_ref().filter(is_here).filter(|_| self.is_own_group)
    }

    /// Whether a failed dial shows that this machine's hub does not run.
    fn is_missing(&self, failed: &FailedDial) -> bool {
        let is_anywhere = self.own_target().is_some_and(|target| target.is_anywhere);
        self.running == RunningHub::None
            && (failed.is_refused() || is_anywhere && failed.is_taken())
    }

    /// Notes what [`HubSelection::failed`] found, and says why the session is not connected.
    pub(crate) fn away(
        &mut self,
        failed: FailedDial,
        port: PortState,
        group: Option<GroupId>,
    ) -> AwayReason {
        match &self.port {
            Some((state, _)) if *state == port => {}
            _ => self.port = Some((port.clone(), Instant::now())),
        }
        if (failed.is_refused() || self.is_missing(&failed)) && self.was_stopped() {
            return self.stopped();
        }
        // Where a hub is started on another port, this one does not matter.
        let is_left = matches!(port, PortState::DefaultTaken(_));
        match failed {
            FailedDial::Unreachable(DialError::OtherVersion(spoken)) if !is_left => {
                self.other_version(spoken)
            }
            FailedDial::Unproven(HandshakeError::NoCommonVersion(newest)) if !is_left => {
                self.other_version(Some(newest))
            }
            FailedDial::Unreachable(cause) => self.unreachable(cause, port, group),
            FailedDial::Unproven(cause) => {
                self.is_outdated = true;
                AwayReason::Unproven { address: self.address(), cause, port }
            }
        }
    }

    /// Notes that the hub has welcomed the session.
    pub(crate) fn welcomed(&mut self) {
        self.autostart.succeeded();
        self.port = None;
    }

    /// Shortens the pause before the next dial while a hub is starting.
    pub(crate) fn shorten(&self, pause: Duration) -> Duration {
        self.autostart.shorten(pause)
    }

    /// Notes that a connection to the hub has ended.
    pub(crate) fn lost(&mut self, cause: DialError, group: Option<GroupId>) -> AwayReason {
        let is_end = matches!(cause, DialError::Lost | DialError::Closed(Close::GoingAway));
        if is_end && self.was_stopped() {
            return self.stopped();
        }
        self.unreachable(cause, PortState::Unknown, group)
    }

    /// Whether the user has stopped the hub, and it is this machine's own.
    fn was_stopped(&self) -> bool {
        self.own_target().is_some() && LocalHub::of(&self.known.dir).is_stopped()
    }

    /// Notes that the user has stopped the hub. It may come back on another port.
    fn stopped(&mut self) -> AwayReason {
        (self.is_outdated, self.is_stopped) = (true, true);
        AwayReason::Stopped { is_startable: self.autostart.is_enabled() }
    }

    fn unreachable(
        &mut self,
        cause: DialError,
        port: PortState,
        group: Option<GroupId>,
    ) -> AwayReason {
        use Close::{Rotated, Unauthorized};
        let is_refused = matches!(cause, DialError::Closed(Rotated | Unauthorized));
        if is_refused && !self.is_own_group {
            self.refused = group;
        }
        // The files may have a new secret or a new link by now, or soon, and this machine's hub may come back on
        // another port.
        self.is_outdated |=
            self.is_own_group || is_refused || matches!(cause, DialError::OtherKey { .. });
        AwayReason::Unreachable {
            address: self.address(),
            cause,
            start: self.autostart.last_start(),
            is_own_group: self.is_own_group,
            port,
        }
    }

    fn other_version(&mut self, spoken: Option<u16>) -> AwayReason {
        self.is_unfit = true;
        AwayReason::OtherVersion { address: self.address(), spoken }
    }

    /// Notes that the hub would list a session that is to be in nobody's list.
    pub(crate) fn lists_all(&mut self) -> AwayReason {
        self.is_unfit = true;
        let is_here = |target: &HubTarget| target.endpoint.security == Security::Loopback;
        AwayReason::WouldBeListed {
            address: self.address(),
            is_here: self.target.as_ref().is_some_and(is_here),
        }
    }

    /// Notes that the files may name another hub.
    pub(crate) fn files_changed(&mut self) {
        self.is_outdated = true;
    }

    fn address(&self) -> String {
        let address = |target: &HubTarget| target.endpoint.address();
        self.target.as_ref().map_or_else(|| self.wish.clone(), address)
    }
}
