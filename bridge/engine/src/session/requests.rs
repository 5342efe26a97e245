//! Requests to the hub: those that are open, by number, and what becomes of them on another connection.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::task::{Context, Poll};

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::{PeerKey, SeatKey};
use junction_shared::protocol::limits::MAX_PAGE;
use junction_shared::protocol::wire::{
    Awaited, List, LookupTarget, Naming, Question, SignedCard, ToHub,
};

use super::card::CardContent;
use crate::command::ReplySender;
use crate::error::Error;
use crate::registration::{ascii_label, label};
use crate::{Change, Draft, PeerPage, PeerQuery, PeerWait, PeerWaitEnd, Registration, Submitted};

/// Requests open at once; calls in flight are bounded well below.
const MAX_OPEN: usize = 1024;

/// An open request.
pub(super) enum Request {
    /// Asks for an alias.
    Rename(Box<AliasRequest>),
    /// Asks for a page of peers.
    List { query: PeerQuery, reply: ReplySender<PeerPage> },
    /// Looks up the receiver of a message, by its alias.
    Send { draft: Draft, reply: ReplySender<Submitted> },
    /// Looks up the key that an alias belongs to.
    Lookup { alias: Alias, reply: ReplySender<String> },
    /// Waits for peers, or for their end.
    Watch { wait: PeerWait, reply: ReplySender<PeerWaitEnd> },
    /// Looks up a peer by its key, and subscribes to its changes.
    Subscribe { key: PeerKey },
    /// Looks up the session that has a seat now, and subscribes to its next ones.
    SubscribeSeat { seat: SeatKey },
}

/// A request for an alias.
pub(super) struct AliasRequest {
    /// What the session says of itself under the new alias.
    pub(super) change: Change,
    /// The card that asks.
    pub(super) card: CardContent,
    /// Where the answer goes.
    pub(super) reply: ReplySender<Registration>,
}

/// The open requests by number, which is their order.
#[derive(Default)]
pub(super) struct Requests {
    last: u32,
    open: BTreeMap<u32, Request>,
    /// Requests for an alias that are to be made again on the next connection.
    held: Vec<AliasRequest>,
    /// Whether the hub takes at most 64 ASCII characters of a role or a repository.
    is_short: bool,
    /// Whether the hub knows nothing of what agents do.
    is_older: bool,
}

impl Request {
    /// Whether nobody waits for the answer any more.
    fn is_abandoned(&self) -> bool {
        match self {
            Self::List { reply, .. } => reply.is_closed(),
            Self::Send { reply, .. } => reply.is_closed(),
            Self::Lookup { reply, .. } => reply.is_closed(),
            Self::Watch { reply, .. } => reply.is_closed(),
            // The hub grants an alias whether or not the call still waits.
            Self::Rename(_) | Self::Subscribe { .. } | Self::SubscribeSeat { .. } => false,
        }
    }

    /// Ready once nobody waits for the answer any more.
    fn poll_abandoned(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::List { reply, .. } => reply.poll_closed(context),
            Self::Send { reply, .. } => reply.poll_closed(context),
            Self::Lookup { reply, .. } => reply.poll_closed(context),
            Self::Watch { reply, .. } => reply.poll_closed(context),
            Self::Rename(_) | Self::Subscribe { .. } | Self::SubscribeSeat { .. } => Poll::Pending,
        }
    }

    /// Whether only a hub understands the question that knows what agents do.
    fn is_newer(&self) -> bool {
        match self {
            Self::List { query, .. } => query.state.is_some(),
            Self::Watch { wait, .. } => !wait.is_plain(),
            _ => false,
        }
    }

    /// Answers a request that the hub would not understand.
    fn refuse(self) {
        match self {
            Self::List { reply, .. } => drop(reply.send(Err(Error::OlderHub))),
            Self::Watch { reply, .. } => drop(reply.send(Err(Error::OlderHub))),
            _ => {}
        }
    }

    /// The question that puts the request to the hub. A rename has none: its card belongs to one connection.
    fn question(&self, is_short: bool) -> Option<Question> {
        // A text that no card can have matches none.
        let wanted = |text: &Option<String>| {
            text.as_deref().map(|text| {
                let label = if is_short { ascii_label(text) } else { label(text) };
                label.unwrap_or_default()
            })
        };
        match self {
            Self::Rename(_) => None,
            Self::List { query, .. } => Some(Question::List(List {
                role: wanted(&query.role),
                repo: wanted(&query.repo),
                limit: query.limit.clamp(1, MAX_PAGE),
                cursor: query.cursor.clone(),
                state: query.state,
            })),
            Self::Send { draft: Draft { target: alias, .. }, .. } | Self::Lookup { alias, .. } => {
                Some(Question::Lookup(LookupTarget::Alias(alias.as_str().to_owned())))
            }
            Self::Watch { wait, .. } if wait.is_plain() => {
                Some(Question::Watch(wanted(&wait.role)))
            }
            Self::Watch { wait, .. } => Some(Question::Await(Awaited {
                alias: wait.alias.as_ref().map(|alias| alias.as_str().to_owned()),
                role: wanted(&wait.role),
                end: wait.end,
            })),
            Self::Subscribe { key } => Some(Question::Lookup(LookupTarget::Key(*key))),
            Self::SubscribeSeat { seat } => Some(Question::Lookup(LookupTarget::Seat(*seat))),
        }
    }
}

/// The error for an alias that the hub did not grant.
pub(super) fn refused_alias(naming: &Naming) -> Error {
    match naming {
        Naming::Taken { free } => {
            Alias::parse(free).map_or(Error::HubMisbehaving, Error::AliasTaken)
        }
        Naming::Bad | Naming::Granted(_) => Error::BadAlias,
    }
}

impl Requests {
    /// Notes whether the hub takes contexts of any script.
    pub(super) fn set_long_contexts(&mut self, long: bool) {
        self.is_short = !long;
    }

    /// Notes whether the hub knows what agents do, and refuses what it would not understand.
    pub(super) fn set_knows_states(&mut self, knows: bool) {
        self.is_older = !knows;
        if self.is_older {
            let newer = self.open.extract_if(.., |_, open| open.is_newer());
            newer.for_each(|(_, request)| request.refuse());
        }
    }

    /// Opens a request, and gives the frames to post. Without a connection its question is put on the next one. What the
    /// hub would not understand is refused.
    pub(super) fn open(&mut self, request: Request) -> Vec<ToHub> {
        let mut frames = self.drop_abandoned();
        if self.is_older && request.is_newer() {
            request.refuse();
        } else if self.open.len() < MAX_OPEN {
            let number = self.next_number();
            frames.extend(
                request.question(self.is_short).map(|question| ToHub::Ask(number, question)),
            );
            self.open.insert(number, request);
        }
        frames
    }

    /// Opens a request for an alias, by the card that would carry it.
    pub(super) fn rename(&mut self, card: SignedCard, request: AliasRequest) -> ToHub {
        let number = self.next_number();
        self.open.insert(number, Request::Rename(Box::new(request)));
        ToHub::Ask(number, Question::Rename(card))
    }

    /// Looks a peer up by its key and subscribes to it, unless that is under way.
    pub(super) fn subscribe(&mut self, key: PeerKey) -> Vec<ToHub> {
        let is_same = |open: &Request| matches!(open, Request::Subscribe { key: k } if *k == key);
        if self.open.values().any(is_same) {
            return Vec::new();
        }
        self.open(Request::Subscribe { key })
    }

    /// Looks up the session that has a seat now, and subscribes to its next ones, unless that is under way.
    pub(super) fn subscribe_seat(&mut self, wanted: SeatKey) -> Vec<ToHub> {
        let is_same =
            |open: &Request| matches!(open, Request::SubscribeSeat { seat } if *seat == wanted);
        if self.open.values().any(is_same) {
            return Vec::new();
        }
        self.open(Request::SubscribeSeat { seat: wanted })
    }

    /// Whether a request for an alias is open: until it is answered the hub takes no other card.
    pub(super) fn is_renaming(&self) -> bool {
        self.open.values().any(|open| matches!(open, Request::Rename(_)))
    }

    /// Closes the request that an answer is for.
    pub(super) fn answered(&mut self, number: u32) -> Option<Request> {
        self.open.remove(&number)
    }

    /// Opens a request once more under the number that it had.
    pub(super) fn put_back(&mut self, number: u32, request: Request) {
        self.open.insert(number, request);
    }

    /// Closes all requests that wait to send a message to this alias, and gives the messages in their order.
    pub(super) fn take_sends(&mut self, to: &Alias) -> Vec<(Draft, ReplySender<Submitted>)> {
        let is_for =
            |open: &Request| matches!(open, Request::Send { draft, .. } if draft.target == *to);
        let sends = self.open.extract_if(.., |_, open| is_for(open));
        let drafts = sends.filter_map(|(_, request)| match request {
            Request::Send { draft, reply } => Some((draft, reply)),
            _ => None,
        });
        drafts.collect()
    }

    /// The session dials again of its own accord: requests for an alias are made again on the next connection.
    pub(super) fn hold_renames(&mut self) {
        let renames = self.open.extract_if(.., |_, open| matches!(open, Request::Rename(_)));
        self.held.extend(renames.filter_map(|(_, request)| match request {
            Request::Rename(request) => Some(*request),
            _ => None,
        }));
    }

    /// Takes the requests for an alias that are to be made again.
    pub(super) fn take_held(&mut self) -> Vec<AliasRequest> {
        std::mem::take(&mut self.held)
    }

    /// Puts every open request again, on a new connection, and gives up those for an alias: the agent can see what
    /// came of them and ask again.
    pub(super) fn reopen(&mut self) -> (Vec<ToHub>, Vec<AliasRequest>) {
        let renames = self.open.extract_if(.., |_, open| matches!(open, Request::Rename(_)));
        let lost = renames.filter_map(|(_, request)| match request {
            Request::Rename(request) => Some(*request),
            _ => None,
        });
        let lost = lost.collect();
        self.open.retain(|_, open| !open.is_abandoned());
        let asked = |(number, open): (&u32, &Request)| {
            Some(ToHub::Ask(*number, open.question(self.is_short)?))
        };
        (self.open.iter().filter_map(asked).collect(), lost)
    }

    /// The connection is over, and all subscriptions with it.
    pub(super) fn disconnected(&mut self) {
        let is_news = |open: &Request| {
            matches!(open, Request::Subscribe { .. } | Request::SubscribeSeat { .. })
        };
        self.open.retain(|_, open| !is_news(open));
    }

    /// Waits until a call gives up the answer to an open request.
    pub(super) async fn next_abandoned(&mut self) {
        poll_fn(|context| {
            let polled = self.open.values_mut().map(|open| open.poll_abandoned(context));
            // Every one is polled, so that each can wake this task.
            polled.fold(Poll::Pending, |all, one| if one.is_ready() { one } else { all })
        })
        .await;
    }

    /// Drops requests that nobody waits for, and gives the frames to post: the hub keeps a watch open until it is told
    /// to end it.
    pub(super) fn drop_abandoned(&mut self) -> Vec<ToHub> {
        let abandoned = self.open.extract_if(.., |_, open| open.is_abandoned());
        let watches = abandoned.filter(|(_, open)| matches!(open, Request::Watch { .. }));
        watches.map(|(number, _)| ToHub::Unwatch(number)).collect()
    }

    /// The number of the newest request.
    #[cfg(test)]
    pub(super) fn last_number(&self) -> u32 {
        self.last
    }

    fn next_number(&mut self) -> u32 {
        self.last = self.last.wrapping_add(1);
        self.last
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use tokio::sync::oneshot;

    use super::*;

    fn alias(text: &str) -> Alias {
        Alias::parse(text).unwrap()
    }

    fn of_role(role: Option<&str>) -> PeerWait {
        PeerWait { role: role.map(str::to_owned), ..PeerWait::default() }
    }

    fn send(to: &str, body: &str) -> (Request, oneshot::Receiver<impl Sized>) {
        let (reply, answer) = oneshot::channel();
        (Request::Send { draft: Draft::new(alias(to), body.to_owned()), reply }, answer)
    }

    #[test]
    fn messages_to_one_alias_are_taken_in_their_order_and_others_stay() {
        let mut requests = Requests::default();
        let opened =
            [("bob", "one"), ("eve", "other"), ("bob", "two")].map(|(to, body)| send(to, body));
        let mut answers = Vec::new();
        for (request, answer) in opened {
            assert_eq!(requests.open(request).len(), 1);
            answers.push(answer);
        }
        let bodies: Vec<_> =
            requests.take_sends(&alias("bob")).into_iter().map(|(draft, _)| draft.body).collect();
        assert_eq!(bodies, ["one", "two"]);
        assert!(requests.take_sends(&alias("bob")).is_empty());
        assert_eq!(requests.open.len(), 1);
        // The answer to the second look-up finds its request closed.
        assert!(requests.answered(3).is_none() && requests.answered(2).is_some());
    }

    #[test]
    fn older_hub_is_asked_for_no_text_that_it_does_not_take() {
        let mut requests = Requests::default();
        let (reply, _answer) = oneshot::channel();
        let frames = requests.open(Request::Watch { wait: of_role(Some("Prüfer ")), reply });
        let role = |frames: &[ToHub]| match &frames[0] {
            ToHub::Ask(_, Question::Watch(role)) => role.clone(),
            _ => panic!("another question"),
        };
        assert_eq!(role(&frames).as_deref(), Some("Prüfer"));
        requests.set_long_contexts(false);
        assert_eq!(role(&requests.reopen().0).as_deref(), Some("Pr?fer"));
    }

    #[test]
    fn request_that_nobody_waits_for_is_not_put_again() {
        let mut requests = Requests::default();
        let (given_up, answer) = send("bob", "one");
        requests.open(given_up);
        drop(answer);
        let (waiting, _answers): (Vec<_>, Vec<_>) =
            ["two", "three"].map(|body| send("bob", body)).into_iter().unzip();
        waiting.into_iter().for_each(|request| drop(requests.open(request)));
        let (frames, lost) = requests.reopen();
        let lookup = |number, frame: &ToHub| matches!(frame, ToHub::Ask(n, Question::Lookup(_)) if *n == number);
        assert!(frames.len() == 2 && lookup(2, &frames[0]) && lookup(3, &frames[1]));
        assert!(lost.is_empty());
    }

    #[test]
    fn regression_message_of_a_call_that_gave_up_is_dropped_at_once() {
        let mut requests = Requests::default();
        let (waiting, _answer) = send("bob", "one");
        let (given_up, answer) = send("bob", "two");
        requests.open(waiting);
        requests.open(given_up);
        assert!(requests.next_abandoned().now_or_never().is_none());
        drop(answer);
        assert!(requests.next_abandoned().now_or_never().is_some());
        assert!(requests.drop_abandoned().is_empty());
        assert!(requests.open.len() == 1 && requests.answered(1).is_some());
    }

    #[test]
    fn watch_that_was_given_up_is_ended_at_the_hub() {
        let mut requests = Requests::default();
        let (reply, answer) = oneshot::channel();
        requests.open(Request::Watch { wait: of_role(None), reply });
        drop(answer);
        let frames = requests.subscribe(PeerKey([1; 32]));
        assert!(matches!(&frames[..], [ToHub::Unwatch(1), ToHub::Ask(2, _)]));
    }

    #[test]
    fn one_subscription_a_peer_and_connection() {
        let (mut requests, key) = (Requests::default(), PeerKey([1; 32]));
        assert_eq!(requests.subscribe(key).len(), 1);
        assert!(requests.subscribe(key).is_empty());
        requests.disconnected();
        assert_eq!(requests.subscribe(key).len(), 1);
    }

    #[test]
    fn open_requests_are_bounded() {
        let mut requests = Requests::default();
        let mut answers = Vec::new();
        for _ in 0..=MAX_OPEN {
            let (request, answer) = send("bob", "");
            requests.open(request);
            answers.push(answer);
        }
        assert_eq!(requests.open.len(), MAX_OPEN);
    }
}
