//! A session as a pure state machine: frames and the time go in, frames come out.

use std::time::{Duration, Instant};

use junction_engine::attachment::PreparedAttachments;
use junction_engine::error::Error;
use junction_engine::group::{GroupAddress, GroupTag};
use junction_engine::group_message::{BegunGroup, GroupToBegin};
use junction_engine::session::{
    ClaimStep, Leaving, SealJob, SealedChunks, SeatToClaim, SeatVerdict, Session,
};
use junction_engine::{
    Command, ConnectionState, Draft, IncomingAttachment, MailPage, PageLimits, Snapshot, Submitted,
};
use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::codec::decode;
use junction_shared::protocol::handshake::{GroupKeys, NO_PIN};
use junction_shared::protocol::id::{MessageId, PeerKey};
use junction_shared::protocol::wire::{Context, HelloBody, ToBridge, ToHub, VERSION, WelcomeBody};
use junction_shared::secret::Secret;
use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::{mpsc, oneshot, watch};

/// A session, from its first hello to its goodbye.
pub struct SessionMachine(Session);

/// A message on its way into the outbox. Dropped before the session took it, it is never sent.
pub struct Sending(oneshot::Receiver<Result<Submitted, Error>>);

impl Sending {
    /// The outcome, once it is known: the message's id and receiver, or `None` if the session did not take it.
    pub fn taken(&mut self) -> Option<Option<(MessageId, PeerKey)>> {
        match self.0.try_recv() {
            Ok(answer) => Some(answer.ok().map(|sent| (sent.id, sent.receiver.key))),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Closed) => Some(None),
        }
    }
}

/// A lookup of a peer that may not have been answered yet.
pub struct Search(
    #[expect(dead_code, reason = "held: the session drops a lookup that nobody waits for")]
    oneshot::Receiver<Result<String, Error>>,
);

impl SessionMachine {
    /// A session with a new identity, in the group that the join secret makes.
    #[must_use]
    pub fn new(join_secret: &Secret, now: Instant) -> Self {
        let snapshot =
            watch::Sender::new(Snapshot::new("local".to_owned(), ConnectionState::Connected));
        let mut session = Session::new(snapshot, Context::default(), now);
        session.set_group(GroupKeys::derive(join_secret));
        Self(session)
    }

    /// Claims a seat, before the first hello.
    pub fn claim(&mut self, session: SeatToClaim) {
        self.0.claim(&mut Some(session));
    }

    /// Whether the session is to be welcomed with this welcome. Otherwise it dials again.
    pub fn accepts(&mut self, welcome: &WelcomeBody, now: Instant) -> bool {
        self.0.judge_seat(welcome, now) == SeatVerdict::Join
    }

    /// Whether another process has the seat of the session now.
    #[must_use]
    pub fn has_lost_seat(&self) -> bool {
        self.0.has_lost_seat()
    }

    /// Goes on under another key, as another session of the client. The last frames of the old key.
    pub fn change_session(
        &mut self,
        session: SeatToClaim,
        join_secret: &Secret,
        now: Instant,
    ) -> Vec<ToHub> {
        let mut session = Some(session);
        assert_eq!(self.0.claim(&mut session), ClaimStep::Replace, "it has a seat");
        self.drain_leases(now);
        let last = self.last_frames(Leaving::ForNow, now);
        self.0 = self.0.replaced(session, now);
        self.0.set_group(GroupKeys::derive(join_secret));
        last
    }

    /// Goes on under another key, without the seat that was lost. The last frames of the old key.
    pub fn lose_seat(&mut self, join_secret: &Secret, now: Instant) -> Vec<ToHub> {
        let last = self.last_frames(Leaving::Unseated, now);
        self.0 = self.0.replaced(None, now);
        self.0.set_group(GroupKeys::derive(join_secret));
        last
    }

    /// Sets the alias to ask for until one is granted.
    pub fn wish(&mut self, alias: Alias) {
        self.0.wish_for(alias);
    }

    /// The hello of the next connection; none only if the session has no group.
    pub fn hello(&mut self) -> Option<HelloBody> {
        let caller = self.0.caller(NO_PIN)?;
        let (want, ticket) = caller.want.unzip();
        Some(HelloBody {
            version: VERSION,
            key: caller.key,
            dial: caller.dial,
            want,
            ticket: ticket.flatten(),
            nonce: [0; 32],
            unlisted: caller.is_unlisted.then_some(true),
            seat: caller.seat.map(|(claim, _)| claim),
        })
    }

    /// The hub has welcomed the session on a new connection.
    pub fn welcomed(&mut self, welcome: &WelcomeBody, now: Instant) {
        self.0.welcomed(welcome, now);
    }

    /// The connection is over.
    pub fn disconnected(&mut self) {
        self.0.disconnected();
    }

    /// The hub sent a frame.
    pub fn frame(&mut self, frame: ToBridge, now: Instant) {
        self.0.frame(frame, now);
    }

    /// The next frame for the hub, if there is one. A message counts as handed over by this call.
    pub fn next_frame(&mut self, now: Instant) -> Option<ToHub> {
        decode(&self.0.next_frame(now)?).ok()
    }

    /// Whether [`SessionMachine::next_frame`] has one.
    pub fn has_frame(&mut self, now: Instant) -> bool {
        self.0.has_frame(now)
    }

    /// The next moment at which [`SessionMachine::on_time`] has something to do.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.0.deadline()
    }

    /// Ends and drops everything whose time is over.
    pub fn on_time(&mut self, now: Instant) {
        self.0.on_time(now);
    }

    /// Looks up the peer that has this alias.
    pub fn find(&mut self, alias: Alias, now: Instant) -> Search {
        let (reply, answer) = oneshot::channel();
        self.0.command(Command::Lookup(alias, reply), now);
        Search(answer)
    }

    /// Begins a message to a group: the id that it has for all its members.
    pub fn begin_group(&mut self, now: Instant) -> MessageId {
        let begin = GroupToBegin::new(GroupAddress::Aliases(Vec::new()), Vec::new());
        let (reply, mut answer) = oneshot::channel();
        self.0.command(Command::BeginGroup(begin, reply), now);
        match answer.try_recv() {
            Ok(Ok(BegunGroup::Begun(submission))) => submission.id,
            _ => panic!("nothing limits how many groups there are"),
        }
    }

    /// Sends one member's copy of a message to a group.
    pub fn send_copy(
        &mut self,
        to: Alias,
        text: String,
        group: MessageId,
        ttl: Option<Duration>,
        now: Instant,
    ) -> Sending {
        let group = Some(GroupTag { id: group, to: "*".into() });
        let draft = Draft { ttl, group, ..Draft::new(to, text) };
        let (reply, answer) = oneshot::channel();
        self.0.command(Command::Send(draft, reply), now);
        Sending(answer)
    }

    /// Sends a message to the peer that has this alias, with what is attached to it.
    pub fn send(
        &mut self,
        to: Alias,
        text: String,
        attachments: Option<PreparedAttachments>,
        ttl: Option<Duration>,
        now: Instant,
    ) -> Sending {
        let draft = Draft { ttl, attachments, ..Draft::new(to, text) };
        let (reply, answer) = oneshot::channel();
        self.0.command(Command::Send(draft, reply), now);
        Sending(answer)
    }

    /// Reads what is there; none while the lease of another page is held.
    pub fn read(&mut self, limit: usize, now: Instant) -> Option<MailPage> {
        let (reply, mut answer) = oneshot::channel();
        self.0.command(
            Command::Read {
                limits: PageLimits { messages: limit, ..PageLimits::default() },
                wait: false,
                reply,
            },
            now,
        );
        answer.try_recv().ok()?.ok()
    }

    /// The next frame with a chunk of an attachment, where there is nothing else to write.
    pub fn next_chunk(&mut self) -> Option<ToHub> {
        decode(&self.0.next_chunk()?).ok()
    }

    /// The next chunks to read and seal.
    pub fn next_seal_job(&mut self) -> Option<SealJob> {
        self.0.next_seal_job()
    }

    /// Takes in what came of a job.
    pub fn chunks_sealed(&mut self, sealed: SealedChunks, now: Instant) {
        self.0.chunks_sealed(sealed, now);
    }

    /// Begins to fetch an attachment; none if the session has no such attachment now. What its saving thread says goes to
    /// `commands`, and is for [`SessionMachine::command`].
    pub fn fetch(
        &mut self,
        attachment: (MessageId, u8),
        commands: mpsc::Sender<Command>,
        now: Instant,
    ) -> Option<IncomingAttachment> {
        IncomingAttachment::begin(&mut self.0, attachment, commands, now).ok()
    }

    /// Carries out what a saving thread says.
    pub fn command(&mut self, command: Command, now: Instant) {
        self.0.command(command, now);
    }

    /// Handles the leases that were acknowledged or dropped since the last call.
    pub fn drain_leases(&mut self, now: Instant) {
        self.0.drain_leases(now);
    }

    /// Leaves for good; the last frames for the hub.
    pub fn leave(&mut self, now: Instant) -> Vec<ToHub> {
        self.drain_leases(now);
        self.last_frames(Leaving::ForNow, now)
    }

    fn last_frames(&mut self, how: Leaving, now: Instant) -> Vec<ToHub> {
        let (last, _) = self.0.leave(how, now);
        last.iter().filter_map(|frame| decode(frame).ok()).collect()
    }
}
