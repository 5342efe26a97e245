//! The seven tools: what each takes, what it asks of the engine, and what it answers.

use std::time::Duration;

use junction_shared::protocol::limits::{
    INBOX_MESSAGES, MAX_PAGE, MAX_TTL_SECONDS, MIN_TTL_SECONDS,
};
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use super::args::{Args, ToolError};
use super::calls::{CallNumber, Calls};
use super::escape::presented_len;
use super::results::{
    DepartureJson, FoundJson, MailPageJson, PeerPageJson, RegistrationJson, SentJson, StatusJson,
};
use super::schema::Tool;
use super::server::Agent;
use crate::survey::SurveyJson;
use crate::wake::Wake;
use junction_engine::error::Error;
use junction_engine::hubs::known::KnownHosts;
use junction_engine::hubs::probe::survey;
use junction_engine::urgency::Urgency;
use junction_engine::{Change, Draft, Engine, NotifyWhen, PageLimits, PeerQuery, Status};

/// Calls that wait at most: an agent has one or two, and each holds a place among the calls in flight.
const MAX_WAITS: usize = 32;
/// PeerPage on a page, unless a call says otherwise.
const USUAL_PAGE: u16 = 50;
/// How long `wait_for_peer` waits, unless a call says otherwise, in seconds.
const USUAL_PEER_WAIT: u64 = 30;

/// A tool's answer: one JSON object.
pub(crate) type Answer = Map<String, Value>;

/// The tools of one session.
pub(crate) struct Tools {
    engine: Engine,
    calls: Calls,
    wake: Wake,
    hosts: KnownHosts,
    waits: Semaphore,
}

impl Tools {
    pub(crate) fn new(agent: Agent, calls: Calls) -> Self {
        let Agent { engine, wake, hosts } = agent;
        Self { engine, calls, wake, hosts, waits: Semaphore::new(MAX_WAITS) }
    }

    /// Calls a tool. What the answer holds is deposited with the call of this number.
    pub(crate) async fn call(
        &self,
        tool: Tool,
        arguments: Map<String, Value>,
        number: CallNumber,
    ) -> Result<Answer, ToolError> {
        let args = Args::new(tool.spec().name, arguments);
        let mut answer = match tool {
            Tool::Register => self.register(args).await,
            Tool::ListPeers => self.list_peers(args).await,
            Tool::SendMessage => self.send_message(args, number).await,
            Tool::ReadMessages => self.read_messages(args, number).await,
            Tool::WaitForPeer => self.wait_for_peer(args, number).await,
            Tool::KnownHosts => self.known_hosts(args).await,
            Tool::Disconnect => self.disconnect(args).await,
        }?;
        // After the call itself, so that what it read does not count as unread.
        answer.extend(object(&StatusJson::from(&self.engine.snapshot())));
        Ok(answer)
    }

    async fn register(&self, mut args: Args) -> Result<Answer, ToolError> {
        let change = Change {
            alias: args.alias("alias")?,
            repo: args.label("repo")?,
            task: args.label("task")?,
            role: args.label("role")?,
            host: args.host("host")?,
        };
        args.done()?;
        Ok(object(&RegistrationJson::from(self.engine.register(change).await?)))
    }

    async fn list_peers(&self, mut args: Args) -> Result<Answer, ToolError> {
        let role = given(args.label("role")?);
        let repo = given(args.label("repo")?);
        let limit = args.whole("limit", 1..=MAX_PAGE.into())?;
        let limit = limit.and_then(|limit| limit.try_into().ok()).unwrap_or(USUAL_PAGE);
        let cursor = given(args.cursor("cursor")?);
        args.done()?;
        let page = self.engine.list(PeerQuery { role, repo, limit, cursor }).await?;
        Ok(object(&PeerPageJson::from(page)))
    }

    async fn send_message(&self, mut args: Args, number: CallNumber) -> Result<Answer, ToolError> {
        let draft = Draft {
            target: args.peer("target_alias")?,
            body: args.message("message")?,
            reply_to: args.message_id("reply_to")?,
            wait: args.wait("wait_seconds", 0)?,
            ttl: args.whole("ttl_seconds", self.ttl_range())?.map(Duration::from_secs),
            fingerprint: args.fingerprint("fingerprint")?,
            urgency: args.choice("urgency", Urgency::NAMES)?.unwrap_or_default(),
            notify_when: args.choice("notify_when", NotifyWhen::NAMES)?,
        };
        args.done()?;
        let _wait = self.wait(draft.wait, number)?;
        let (waits, urgency) = (!draft.wait.is_zero(), draft.urgency);
        let sent = self.engine.send_message(draft).await?;
        if let Status::Refused(reason) = sent.status {
            sent.refusal.into_iter().for_each(|told| self.calls.deposit(number, told));
            return Err(Error::Refused(reason).into());
        }
        let answer = object(&SentJson::new(&sent, urgency, waits.then_some(sent.waited)));
        if let Some((_, lease)) = sent.reply {
            self.calls.deposit(number, lease);
        }
        Ok(answer)
    }

    async fn read_messages(&self, mut args: Args, number: CallNumber) -> Result<Answer, ToolError> {
        let wait = args.wait("wait_seconds", 0)?;
        let limit = args.whole("limit", 1..=INBOX_MESSAGES as u64)?;
        args.done()?;
        let messages = limit.and_then(|limit| limit.try_into().ok()).unwrap_or(usize::MAX);
        let limits = PageLimits { messages, shown_len: presented_len };
        let place = self.wait(wait, number)?;
        let _waits = place.as_ref().map(|_| self.wake.wait_began());
        let page = self.engine.read(limits, wait).await?;
        let answer = object(&MailPageJson::new(&page));
        self.calls.deposit(number, page.lease);
        Ok(answer)
    }

    async fn wait_for_peer(&self, mut args: Args, number: CallNumber) -> Result<Answer, ToolError> {
        let timeout = args.wait("timeout_seconds", USUAL_PEER_WAIT)?;
        let role = given(args.label("expected_role")?);
        args.done()?;
        let _wait = self.wait(timeout, number)?;
        let started = Instant::now();
        let peers = self.engine.wait_for_peer(role, timeout).await?;
        Ok(object(&FoundJson::new(peers, started.elapsed())))
    }

    async fn known_hosts(&self, args: Args) -> Result<Answer, ToolError> {
        args.done()?;
        let survey = survey(&self.hosts, &self.engine.snapshot().hub).await;
        Ok(object(&SurveyJson::from(survey)))
    }

    async fn disconnect(&self, args: Args) -> Result<Answer, ToolError> {
        args.done()?;
        Ok(object(&DepartureJson::from(self.engine.disconnect().await)))
    }

    /// A place among the calls that wait, for one that does.
    fn wait(
        &self,
        wait: Duration,
        number: CallNumber,
    ) -> Result<Option<SemaphorePermit<'_>>, ToolError> {
        if wait.is_zero() {
            return Ok(None);
        }
        let place = self.waits.try_acquire().map_err(|_| Error::TooManyWaits)?;
        self.calls.waits(number);
        Ok(Some(place))
    }

    /// The seconds that a message may be told to live.
    fn ttl_range(&self) -> std::ops::RangeInclusive<u64> {
        let session = self.engine.snapshot().session_timeout.as_secs().max(1);
        MIN_TTL_SECONDS.min(session)..=MAX_TTL_SECONDS.min(session)
    }
}

/// A text to look for: some models write an empty one for none.
fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// An answer as a JSON object.
fn object(answer: &impl Serialize) -> Answer {
    match serde_json::to_value(answer) {
        Ok(Value::Object(object)) => object,
        // Every answer is a struct whose fields have names.
        _ => Map::new(),
    }
}
