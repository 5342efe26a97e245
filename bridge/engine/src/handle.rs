//! The handle of an engine. Every call is answered whether or not a hub is there; a call that needs the hub waits a
//! moment for it.

use std::sync::Arc;
use std::time::Duration;

use junction_shared::machine::hosts::LOCAL;
use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::MessageId;
use junction_shared::protocol::wire::{AwaitedEnd, Context};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use crate::clock;
use crate::command::{Command, DownloadCommand, DownloadStep, flatten};
use crate::error::{AttachmentError, Error, MoveError, Unanswered};
use crate::forecast::Forecast;
use crate::hubs::known::KnownHosts;
use crate::hubs::probe::{ProbeError, probe};
use crate::hubs::selection::AwayReason;
use crate::hubs::target::HubTarget;
use crate::incoming_attachment::IncomingAttachment;
use crate::message::{Draft, MailPage, PageLimits, Sent, Submitted, UnreadMessage};
use crate::peer::{Availability, PeerPage, PeerQuery, PeerWait, PeerWaitEnd};
use crate::registration::{Change, Registration};
use crate::seat_settled::SeatSettled;
use crate::send_in_progress::{SEND_PATIENCE, SendInProgress};
use crate::session::SeatToClaim;
use crate::snapshot::{ConnectionState, Snapshot};

mod group_sender;
mod team;

/// How long a call waits for the hub before it fails.
const HUB_PATIENCE: Duration = Duration::from_secs(2);
/// How long a read waits for another read's answer to be written.
const LEASE_PATIENCE: Duration = Duration::from_secs(5);
/// How long a session that came back waits until senders have repeated their attachments, and how often it looks.
const REPETITION_PATIENCE: Duration = Duration::from_secs(5);
const REPETITION_INTERVAL: Duration = Duration::from_millis(100);
/// How long peers are gone before a wait for that ends: a bridge that restarts is gone for a moment.
const RETURN_PATIENCE: Duration = Duration::from_secs(2);
/// Commands in the queue of an engine. Further callers wait until there is room.
const COMMAND_QUEUE: usize = 64;

/// The handle of an engine. Its clones share one session.
#[derive(Clone)]
pub struct Engine {
    commands: mpsc::Sender<Command>,
    snapshot: watch::Receiver<Snapshot>,
    hosts: Option<Arc<Hosts>>,
}

/// The hubs that a session can move to.
struct Hosts {
    known: KnownHosts,
    /// Whether the hub of this machine is started where it does not answer.
    autostart: bool,
}

impl Engine {
    /// A handle, and the two ends that the engine's task holds.
    pub fn new(snapshot: Snapshot) -> (Self, mpsc::Receiver<Command>, watch::Sender<Snapshot>) {
        let (commands, inbox) = mpsc::channel(COMMAND_QUEUE);
        let (writer, snapshot) = watch::channel(snapshot);
        (Self { commands, snapshot, hosts: None }, inbox, writer)
    }

    /// Lets the session move to these hosts.
    pub(crate) fn with_hosts(mut self, known: KnownHosts, autostart: bool) -> Self {
        self.hosts = Some(Arc::new(Hosts { known, autostart }));
        self
    }

    /// The state of the session at this moment.
    pub fn snapshot(&self) -> Snapshot {
        self.snapshot.borrow().clone()
    }

    /// Sets the context that was found around the session: repository, branch, machine, client. Fields that are
    /// `None` stay as they are; `register` overrides the others.
    pub async fn set_context(&self, seen: Context) {
        let _ = self.commands.send(Command::SetContext(seen)).await;
    }

    /// Sets what the agent does, and how messages get to it.
    pub async fn set_availability(&self, availability: Availability) {
        let _ = self.commands.send(Command::SetAvailability(availability)).await;
    }

    /// Notes which session of its client this is: it takes that session's seat. Another session than before takes the place
    /// of the one before, unless it is the same one under another id. `None` notes that the client does not say so yet.
    /// What is returned tells when it is known what came of the claim.
    pub async fn claim_seat(&self, session: Option<SeatToClaim>) -> SeatSettled {
        let (reply, settled) = oneshot::channel();
        let _ = self.commands.send(Command::ClaimSeat(session.map(Box::new), reply)).await;
        SeatSettled::new(settled)
    }

    /// Sets whom to ask when the agent will be told of a message. A face calls this before anything else, while the
    /// queue of commands has room.
    pub fn set_forecast(&self, forecast: Arc<dyn Forecast>) {
        let _ = self.commands.try_send(Command::SetForecast(forecast));
    }

    /// Has the forecast asked once more of every message that waits, and its answers sent to the senders, because what
    /// they were told no longer holds. While the queue of commands is full the call is ignored.
    pub fn forecast_again(&self) {
        let _ = self.commands.try_send(Command::ForecastAgain);
    }

    /// Notes that a person has begun a turn of the agent; this comes before all commands of that turn. While the
    /// queue of commands is full the call is ignored, and the hop count goes on.
    pub fn begin_turn(&self) {
        let _ = self.commands.try_send(Command::BeginTurn);
    }

    /// Notes that a person has probably begun a turn of the agent.
    pub fn maybe_begin_turn(&self) {
        let _ = self.commands.try_send(Command::MaybeBeginTurn);
    }

    /// The state of the session from now on, each time that it changes.
    pub fn watch(&self) -> watch::Receiver<Snapshot> {
        self.snapshot.clone()
    }

    /// Changes what the session says about itself, moves it to another host, or joins again after `disconnect`.
    pub async fn register(&self, mut change: Change) -> Result<Registration, Error> {
        let target = self.destination(change.host.take()).await?;
        if target.as_ref().is_some_and(|target| target.name != self.snapshot.borrow().hub) {
            // The next receipts name the messages as unconfirmed whose receipts have not come by then.
            self.flush().await;
        }
        let (reply, joined) = oneshot::channel();
        self.send(Command::Join(target, reply)).await?;
        flatten(timeout(HUB_PATIENCE, joined).await, || self.away())?;
        let deadline = Instant::now() + HUB_PATIENCE;
        self.connected(deadline).await?;
        let (reply, answer) = oneshot::channel();
        self.send(Command::Apply(change, reply)).await?;
        let mut registered = flatten(timeout_at(deadline, answer).await, || self.away())?;
        let one = PeerQuery { limit: 1, ..PeerQuery::default() };
        registered.peer_count = self.list(one).await?.total;
        Ok(registered)
    }

    /// The hub that `register{host}` names. The session leaves no hub before the other one answers.
    async fn destination(&self, host: Option<String>) -> Result<Option<HubTarget>, Error> {
        let (Some(host), Some(hosts)) = (host, &self.hosts) else { return Ok(None) };
        let target = hosts.known.target(&host).map_err(|error| Error::Move(error.into()))?;
        let is_started = hosts.autostart && target.name == LOCAL;
        if target.name == self.snapshot.borrow().hub || is_started {
            return Ok(Some(target));
        }
        match probe(&target.endpoint).await {
            Ok(_) => Ok(Some(target)),
            Err(ProbeError::NoAnswer | ProbeError::Stranger | ProbeError::OldLink) => {
                Err(Error::Move(MoveError::NoAnswer))
            }
            Err(ProbeError::OtherKey { expected, found }) => {
                let address = target.endpoint.address();
                Err(Error::Move(MoveError::OtherKey { address, expected, found }))
            }
        }
    }

    /// A page of the other peers.
    pub async fn list(&self, query: PeerQuery) -> Result<PeerPage, Error> {
        let (deadline, (reply, answer)) = (Instant::now() + HUB_PATIENCE, oneshot::channel());
        self.connected(deadline).await?;
        self.send(Command::List(query, reply)).await?;
        flatten(timeout_at(deadline, answer).await, || self.away())
    }

    /// Waits until peers are as they are awaited; ends at once if they are.
    pub async fn wait_for_peer(
        &self,
        wanted: PeerWait,
        wait: Duration,
    ) -> Result<PeerWaitEnd, Error> {
        let deadline = Instant::now() + wait;
        self.connected(Instant::now() + HUB_PATIENCE).await?;
        let mut answer = self.watch_peers(&wanted).await?;
        if wait.is_zero() || wanted.end == AwaitedEnd::Gone {
            // The hub answers in order: what has no answer by then has none at once.
            let later = self.list(PeerQuery { limit: 1, ..PeerQuery::default() }).await;
            match answer.try_recv() {
                Ok(end) => return end,
                Err(_) if wait.is_zero() => return later.map(|_| PeerWaitEnd::TimedOut),
                Err(_) => {}
            }
        }
        loop {
            let Ok(end) = timeout_at(deadline, answer).await else {
                return Ok(PeerWaitEnd::TimedOut);
            };
            let end = end.map_err(|_| self.away())??;
            if end != PeerWaitEnd::Gone {
                return Ok(end);
            }
            sleep_until(deadline.min(Instant::now() + RETURN_PATIENCE)).await;
            answer = self.watch_peers(&wanted).await?;
            if let Ok(end) = timeout(HUB_PATIENCE, &mut answer).await {
                return end.map_err(|_| self.away())?;
            }
        }
    }

    /// Asks the hub for what is awaited. It gives the question up once the channel is dropped.
    async fn watch_peers(
        &self,
        wanted: &PeerWait,
    ) -> Result<oneshot::Receiver<Result<PeerWaitEnd, Error>>, Error> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Watch(wanted.clone(), reply)).await?;
        Ok(answer)
    }

    /// Sends a message, and waits until the hub accepts it, and for an answer if the draft says so.
    pub async fn send_message(&self, draft: Draft) -> Result<Sent, Error> {
        Ok(self.begin_send(draft).await?.sent().await)
    }

    /// Takes a message into the outbox. From then on it is sent whether or not anybody waits for what becomes of it.
    pub async fn begin_send(&self, draft: Draft) -> Result<SendInProgress, Error> {
        let started = Instant::now();
        let (to, wait) = (draft.target.clone(), draft.wait);
        let submitted = self.submit(draft, started + SEND_PATIENCE).await?;
        Ok(SendInProgress { submitted, to, wait, started, stopped: None })
    }

    /// Hands a message to the session, which may have to look up the receiver's key first. Without the key nothing can
    /// be sealed, so the message does not wait in the outbox: if it was not taken by the deadline, it is never sent.
    pub(crate) async fn submit(&self, draft: Draft, deadline: Instant) -> Result<Submitted, Error> {
        let (reply, mut answer) = oneshot::channel();
        self.send(Command::Send(draft, reply)).await?;
        let answered = match timeout_at(deadline, &mut answer).await {
            Ok(answered) => answered.ok(),
            Err(_) => {
                // From here on the session takes the message no more; it may have done so just now.
                answer.close();
                answer.try_recv().ok()
            }
        };
        answered.unwrap_or_else(|| {
            Err(match self.away() {
                Error::HubAway(why) => Error::NotSent(why),
                error => error,
            })
        })
    }

    /// The fingerprint of the peer with this alias; `None` if there is no such peer, or its key has changed.
    pub async fn fingerprint_of(&self, alias: Alias) -> Option<String> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Lookup(alias, reply)).await.ok()?;
        timeout(HUB_PATIENCE, answer).await.ok()?.ok()?.ok()
    }

    /// Reads messages and receipts; if no message is unread, waits for one.
    ///
    /// # Errors
    /// Why there is no hub, if there is none and nothing to read either: nobody can write to the session then.
    pub async fn read(&self, limits: PageLimits, wait: Duration) -> Result<MailPage, Error> {
        let is_stopped = matches!(
            self.snapshot.borrow().state,
            ConnectionState::Away(AwayReason::Stopped { .. })
        );
        if is_stopped {
            // Nothing can come while there is no hub, and nothing but a call starts one.
            self.send(Command::AskForHub).await?;
        }
        let page = self.next_page(limits, wait).await?;
        let is_connected = self.snapshot.borrow().state == ConnectionState::Connected;
        if is_connected || !page.is_empty() || !page.open_requests.is_empty() {
            return Ok(page);
        }
        // A page that holds nothing needs no answer, and the next read need not wait for one.
        drop(page);
        self.connected(Instant::now() + HUB_PATIENCE).await?;
        self.next_page(limits, Duration::ZERO).await
    }

    /// Reads as [`Self::read`] does, and asks for no hub: where there is none, this waits for what comes once there is
    /// one again.
    ///
    /// # Errors
    /// The session has ended, or another read's answer is not written yet.
    pub async fn next_page(&self, limits: PageLimits, wait: Duration) -> Result<MailPage, Error> {
        if !wait.is_zero() {
            let (reply, answer) = oneshot::channel();
            self.send(Command::Read { limits, wait: true, reply }).await?;
            if let Ok(answer) = timeout(wait, answer).await {
                return answer.map_err(|_| self.away())?;
            }
        }
        let (reply, answer) = oneshot::channel();
        self.send(Command::Read { limits, wait: false, reply }).await?;
        flatten(timeout(LEASE_PATIENCE, answer).await, || Error::ReadBusy)
    }

    /// The messages that wait unread, in the order of their arrival, without their texts: those included that an answer holds
    /// which is not written yet. Nobody is told that they were asked for. None once the session has ended.
    pub async fn unread_messages(&self) -> Vec<UnreadMessage> {
        let (reply, answer) = oneshot::channel();
        match self.send(Command::ListUnread(reply)).await {
            Ok(()) => answer.await.unwrap_or_default(),
            Err(_) => Vec::new(),
        }
    }

    /// Reads those of these messages that wait unread, as many as fit on a page, and the ends of own messages.
    ///
    /// # Errors
    /// The session has ended, or another read's answer is not written yet.
    pub async fn read_these(&self, ids: Vec<MessageId>) -> Result<MailPage, Error> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::ReadThese(ids, reply)).await?;
        flatten(timeout(LEASE_PATIENCE, answer).await, || Error::ReadBusy)
    }

    /// Begins to fetch an attachment of a message that was received: that of this number. A session that has just come
    /// back waits a moment for senders to repeat what the bridge before had read.
    ///
    /// # Errors
    /// [`Error::Attachment`] if there is no such attachment, or its time is over. [`Error::HubAway`] if none is known while
    /// there is no hub, which may be why.
    pub async fn fetch_attachment(
        &self,
        message: MessageId,
        number: u8,
    ) -> Result<IncomingAttachment, Error> {
        loop {
            let begun = self.begin_download(message, number).await;
            if !matches!(begun, Err(Error::Attachment(AttachmentError::UnknownMessage))) {
                return begun;
            }
            let was_connected = self.snapshot.borrow().state == ConnectionState::Connected;
            self.connected(Instant::now() + HUB_PATIENCE).await?;
            let came_back_at = self.snapshot.borrow().came_back.happened();
            let is_early = came_back_at.is_some_and(|at| clock::now() < at + REPETITION_PATIENCE);
            if was_connected && !is_early {
                return begun;
            }
            tokio::time::sleep(REPETITION_INTERVAL).await;
        }
    }

    async fn begin_download(
        &self,
        message: MessageId,
        number: u8,
    ) -> Result<IncomingAttachment, Error> {
        let (reply, begun) = oneshot::channel();
        let begin = DownloadCommand(DownloadStep::Begin(message, number, reply));
        self.send(Command::Download(begin)).await?;
        let begun = begun.await.map_err(|_| self.away())??;
        Ok(IncomingAttachment::new(begun, self.commands.clone()))
    }

    pub(crate) async fn send(&self, command: Command) -> Result<(), Error> {
        self.commands.send(command).await.map_err(|_| self.away())
    }

    /// Waits until the hub has welcomed the session.
    async fn connected(&self, deadline: Instant) -> Result<(), Error> {
        let mut snapshot = self.snapshot.clone();
        if matches!(snapshot.borrow().state, ConnectionState::Away(_)) {
            self.send(Command::AskForHub).await?;
        }
        let is_decided = |snapshot: &Snapshot| match &snapshot.state {
            ConnectionState::Connected | ConnectionState::Left | ConnectionState::Removed => true,
            // To wait does not change the hub.
            ConnectionState::Away(why) => matches!(why, AwayReason::WouldBeListed { .. }),
        };
        let _ = timeout_at(deadline, snapshot.wait_for(is_decided)).await;
        match self.snapshot.borrow().state {
            ConnectionState::Connected => Ok(()),
            ConnectionState::Left => Err(Error::Left),
            ConnectionState::Removed => Err(Error::Removed),
            ConnectionState::Away(ref why) => Err(Error::HubAway(Unanswered::Away(why.clone()))),
        }
    }

    /// The error for a hub that did not answer in time.
    pub(crate) fn away(&self) -> Error {
        match &self.snapshot.borrow().state {
            ConnectionState::Away(why) => Error::HubAway(Unanswered::Away(why.clone())),
            ConnectionState::Left => Error::Left,
            ConnectionState::Removed => Error::Removed,
            ConnectionState::Connected => Error::HubAway(Unanswered::Late),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PeerPage;

    /// An engine that counts as connected, and the test in place of its task.
    fn connected() -> (Engine, mpsc::Receiver<Command>, watch::Sender<Snapshot>) {
        Engine::new(Snapshot::new(LOCAL.to_owned(), ConnectionState::Connected))
    }

    fn end_of_bob() -> PeerWait {
        let alias = Alias::parse("bob").ok();
        PeerWait { alias, role: None, end: AwaitedEnd::Gone }
    }

    async fn asked(
        commands: &mut mpsc::Receiver<Command>,
    ) -> oneshot::Sender<Result<PeerWaitEnd, Error>> {
        match commands.recv().await {
            Some(Command::Watch(wait, reply)) if wait == end_of_bob() => reply,
            _ => panic!("another command"),
        }
    }

    async fn lists_nobody(commands: &mut mpsc::Receiver<Command>) {
        let Some(Command::List(_, reply)) = commands.recv().await else { panic!("no list") };
        let _ = reply.send(Ok(PeerPage { peers: Vec::new(), total: 0, next: None }));
    }

    #[tokio::test(start_paused = true)]
    async fn session_that_is_back_within_two_seconds_is_not_gone() {
        let (engine, mut commands, _snapshot) = connected();
        let hub = async {
            let first = asked(&mut commands).await;
            lists_nobody(&mut commands).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            let _ = first.send(Ok(PeerWaitEnd::Gone));
            // It is back: this question waits until it has left again.
            let second = asked(&mut commands).await;
            tokio::time::sleep(Duration::from_secs(10)).await;
            let _ = second.send(Ok(PeerWaitEnd::Gone));
            let third = asked(&mut commands).await;
            let _ = third.send(Ok(PeerWaitEnd::Gone));
        };
        let began = Instant::now();
        let (end, ()) =
            tokio::join!(engine.wait_for_peer(end_of_bob(), Duration::from_secs(60)), hub);
        assert_eq!(end, Ok(PeerWaitEnd::Gone));
        assert_eq!(began.elapsed().as_secs(), 15);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_gone_from_the_start_is_said_at_once() {
        for wait in [Duration::ZERO, Duration::from_secs(60)] {
            let (engine, mut commands, _snapshot) = connected();
            let hub = async {
                let _ = asked(&mut commands).await.send(Ok(PeerWaitEnd::Gone));
                lists_nobody(&mut commands).await;
            };
            let began = Instant::now();
            let (end, ()) = tokio::join!(engine.wait_for_peer(end_of_bob(), wait), hub);
            assert_eq!((end, began.elapsed()), (Ok(PeerWaitEnd::Gone), Duration::ZERO));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn wait_of_no_time_ends_when_the_hub_has_no_answer_at_once() {
        let (engine, mut commands, _snapshot) = connected();
        let hub = async {
            let asked = asked(&mut commands).await;
            lists_nobody(&mut commands).await;
            asked
        };
        let (end, mut asked) =
            tokio::join!(engine.wait_for_peer(end_of_bob(), Duration::ZERO), hub);
        assert_eq!(end, Ok(PeerWaitEnd::TimedOut));
        asked.closed().await;
    }
}
