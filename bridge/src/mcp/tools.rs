//! The tools: what each takes from the model, what it asks of the engine, and what it answers.
//!
//! A call goes through three steps, each in a file of its own: [`ToolArgs`] checks the arguments against the tool's
//! parameters (`schema.rs`), the [`Engine`] does the work, and a type whose name ends in `Json` (`results.rs`) turns
//! the outcome into the answer.
//!
//! Where a message is here: going out, it is a draft (`sending.rs`), which the engine takes to the session. Coming in, it
//! is on a page of mail, leased to the call ([`CallHandle::hold`]): it counts as read once the answer is written to the
//! client, and not before.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use junction_attachments::Allowed;
use junction_shared::protocol::limits::MAX_PAGE;
use junction_shared::protocol::wire::AwaitedEnd;
use serde_json::{Map, Value};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use super::args::ToolArgs;
use super::calls::CallHandle;
use super::notices::{NoticesJson, ReportedNews};
use super::schema::{MAX_WAIT, Tool};
use super::tool_error::ToolError;
use crate::attachments::{AttachmentAccess, SavePlace};
use crate::clients;
use crate::clients::hook_event::NamedHookEvent;
use crate::collisions::EditWatch;
use crate::results::words::{AWAITED, STATE_FILTERS};
use crate::results::{
    DepartureJson, MailPageJson, PeerPageJson, PeerWaitJson, RegistrationJson, SavedJson, object,
    shown_len,
};
use crate::survey::{SurveyJson, mcp_url};
use crate::wake::Wake;
use crate::wording::Audience;
use junction_engine::error::Error;
use junction_engine::hubs::known::KnownHosts;
use junction_engine::hubs::probe::survey;
use junction_engine::{Change, Engine, Lease, PageLimits, PeerQuery, PeerWait};

/// Calls that may wait at once. An agent has one or two, and each takes room from the requests in flight.
const MAX_WAITS: usize = 32;

/// The answer of a tool: one JSON object.
pub(super) type ToolAnswer = Map<String, Value>;

/// The tools of one session, and what they work with.
pub(crate) struct Tools {
    /// The session's membership of a group.
    pub(super) engine: Engine,
    /// The ways in which messages reach the agent.
    pub(super) wake: Wake,
    /// The hubs that the session may move to.
    hosts: KnownHosts,
    /// What may be attached and saved.
    pub(super) attachments: AttachmentAccess,
    /// The files that the session edits and claims.
    pub(super) edits: EditWatch,
    /// Whether messages that seem to hold a secret are stopped once.
    pub(super) guards_secrets: bool,
    waits: Semaphore,
    /// The most seconds that a call may wait.
    longest_wait: AtomicU64,
}

impl Tools {
    pub(crate) fn new(
        engine: Engine,
        wake: Wake,
        hosts: KnownHosts,
        attachments: AttachmentAccess,
        edits: EditWatch,
    ) -> Self {
        let (waits, longest_wait) = (Semaphore::new(MAX_WAITS), AtomicU64::new(MAX_WAIT));
        let guards_secrets = true;
        Self { engine, wake, hosts, attachments, edits, guards_secrets, waits, longest_wait }
    }

    /// Sends what seems to hold a secret like any other message.
    pub(crate) fn without_guard(mut self) -> Self {
        self.guards_secrets = false;
        self
    }

    /// Takes note of the client's name in MCP: some clients give up on a call that others would wait for.
    pub(crate) fn client_named(&self, mcp_name: &str) {
        let longest = clients::longest_wait(mcp_name).map_or(MAX_WAIT, |longest| longest.as_secs());
        self.longest_wait.store(longest.min(MAX_WAIT), Ordering::Relaxed);
    }

    /// The most seconds that a call of this client may wait.
    pub(crate) fn longest_wait(&self) -> u64 {
        self.longest_wait.load(Ordering::Relaxed)
    }

    /// Calls a tool. What the person has allowed counts for this call.
    ///
    /// # Errors
    /// If an argument is wrong, or the engine cannot do what was asked.
    pub(crate) async fn call(
        &self,
        tool: Tool,
        arguments: Map<String, Value>,
        call: &CallHandle,
        allowed: &[Allowed],
    ) -> Result<ToolAnswer, ToolError> {
        let mut args = ToolArgs::new(tool.spec(), arguments)?;
        self.wake.seat_settled().await;
        let mut answer = match tool {
            Tool::Register => self.register(&mut args).await,
            Tool::Claim => self.claim(&mut args).await,
            Tool::ListPeers => self.list_peers(&mut args).await,
            Tool::SendMessage => self.send_message(&mut args, call, allowed).await,
            Tool::ReadMessages => self.read_messages(&mut args, call).await,
            Tool::WaitForPeer => self.wait_for_peer(&mut args, call).await,
            Tool::KnownHosts => Ok(self.known_hosts().await),
            Tool::Disconnect => Ok(self.disconnect().await),
            Tool::SaveAttachment => self.save_attachment(&mut args, call, allowed).await,
        }?;
        answer.extend(object(&args.into_notes()));
        // After the call itself, so that what it read does not count as unread.
        let snapshot = self.engine.snapshot();
        let news = ReportedNews::take(&snapshot);
        answer.extend(object(&NoticesJson::new(&snapshot, &news)));
        if !news.is_empty() {
            call.hold(unless_written(move || news.give_back(&snapshot)));
        }
        Ok(answer)
    }

    /// Takes a hook's input. Returns the line of JSON that answers it, if there is anything to tell.
    pub(crate) async fn hook(&self, input: &Value) -> Option<String> {
        let NamedHookEvent { name, mut event } = clients::hook_event(input)?;
        let edits = event.edits.take();
        let reply = self.wake.hook(event);
        let warning = match edits {
            Some(edits) => self.edits.edited(edits).await,
            None => None,
        };
        let reply = match warning {
            Some(warning) => warning.added_to(reply),
            None => reply,
        };
        reply.to_json(&name)
    }

    /// Takes a name and a task for this session, or a hub to move to. Answers who this session is now.
    async fn register(&self, args: &mut ToolArgs) -> Result<ToolAnswer, ToolError> {
        let change = Change {
            alias: args.new_alias("alias")?,
            repo: args.label("repo")?,
            task: args.label("task")?,
            role: args.label("role")?,
            host: args.host("host")?,
        };
        let registered = self.engine.register(change).await?;
        Ok(object(&RegistrationJson::from(registered)))
    }

    /// Takes filters and a place to go on from. Answers one page of the other sessions.
    async fn list_peers(&self, args: &mut ToolArgs) -> Result<ToolAnswer, ToolError> {
        let role = args.filter("role")?;
        let repo = args.filter("repo")?;
        let state = args.choice("state", STATE_FILTERS)?;
        let limit = args.integer("limit")?.and_then(|limit| limit.try_into().ok());
        let cursor = args.place("cursor")?;
        let limit = limit.unwrap_or(MAX_PAGE);
        let query = PeerQuery { role, repo, state, limit, cursor };
        Ok(object(&PeerPageJson::from(self.engine.list(query).await?)))
    }

    /// Takes how many messages to read, and how long to wait for the first. Answers the messages, and the ends of
    /// messages that this session sent.
    async fn read_messages(
        &self,
        args: &mut ToolArgs,
        call: &CallHandle,
    ) -> Result<ToolAnswer, ToolError> {
        let wait = args.seconds("wait_seconds", self.longest_wait())?;
        let limit = args.integer("limit")?.and_then(|limit| limit.try_into().ok());
        let limits = PageLimits { messages: limit.unwrap_or(usize::MAX), shown_len };
        let permit = self.wait(wait, call)?;
        // While the agent waits here, a message needs no other way to it.
        let _waits = permit.as_ref().map(|_| self.wake.wait_began());
        let page = self.engine.read(limits, wait).await?;
        let answer = object(&MailPageJson::new(&page));
        call.hold(page.lease);
        Ok(answer)
    }

    /// Takes an alias or a role, what is awaited of its sessions, and for how long. Answers which sessions are so, or that
    /// none is there any more.
    async fn wait_for_peer(
        &self,
        args: &mut ToolArgs,
        call: &CallHandle,
    ) -> Result<ToolAnswer, ToolError> {
        let timeout = args.seconds("timeout_seconds", self.longest_wait())?;
        let wanted = PeerWait {
            alias: args.peer("alias")?,
            role: args.filter("expected_role")?,
            end: args.choice("state", AWAITED)?.unwrap_or_default(),
        };
        if wanted.end == AwaitedEnd::Gone && wanted.alias.is_none() && wanted.role.is_none() {
            return Err(ToolError::whose_end());
        }
        let _wait = self.wait(timeout, call)?;
        let started = Instant::now();
        let end = self.engine.wait_for_peer(wanted, timeout).await?;
        Ok(object(&PeerWaitJson::new(end, started.elapsed())))
    }

    /// Takes nothing. Answers which hubs this machine knows, and which of them can be reached.
    async fn known_hosts(&self) -> ToolAnswer {
        let survey = survey(&self.hosts, &self.engine.snapshot().hub).await;
        object(&SurveyJson::new(survey, mcp_url(&self.hosts.dir).as_deref()))
    }

    /// Takes nothing. Answers which messages have an outcome that can no longer be known.
    async fn disconnect(&self) -> ToolAnswer {
        object(&DepartureJson::from(self.engine.disconnect().await))
    }

    /// Takes an attachment of a message, and where to save it. Answers where it is.
    async fn save_attachment(
        &self,
        args: &mut ToolArgs,
        call: &CallHandle,
        allowed: &[Allowed],
    ) -> Result<ToolAnswer, ToolError> {
        let message = args.required_message_id("message_id")?;
        let number = args.attachment_number("attachment_id")?;
        let (path, key) = (args.name("path")?, args.value_key("key")?);
        let (command, overwrite) = (args.name("command")?, args.flag("overwrite")?);
        let place = match (path, key, command.clone()) {
            (Some(path), None, None) => SavePlace::File { path, overwrite },
            (Some(path), Some(key), None) => SavePlace::Value { path, key, overwrite },
            (None, None, Some(command)) => SavePlace::Command(command),
            _ => return Err(ToolError::save_place()),
        };
        // What is waited for may never come.
        call.waits();
        let progress = call.saves();
        let attachment = (message, number);
        let saved =
            self.attachments.save(&self.engine, attachment, place, allowed.to_vec(), progress);
        Ok(object(&SavedJson::new(
            &saved.await.map_err(|fault| ToolError::NotSaved(Box::new(fault)))?,
            command,
            Audience::Agent,
        )))
    }

    /// Lets a call wait, if it is to wait at all. The permit lasts as long as the wait.
    pub(super) fn wait(
        &self,
        wait: Duration,
        call: &CallHandle,
    ) -> Result<Option<SemaphorePermit<'_>>, ToolError> {
        if wait.is_zero() {
            return Ok(None);
        }
        let permit = self.waits.try_acquire().map_err(|_| Error::TooManyWaits)?;
        call.waits();
        Ok(Some(permit))
    }

    /// The most seconds that a message may wait unread: no longer than its hub keeps a session without a connection.
    pub(super) fn longest_ttl(&self) -> u64 {
        self.engine.snapshot().session_timeout.as_secs().max(1)
    }
}

/// A hold on an answer, which does this if the answer is never written.
fn unless_written(undo: impl FnOnce() + Send + 'static) -> Lease {
    let (lease, end) = Lease::new();
    tokio::spawn(async move {
        if end.await.is_err() {
            undo();
        }
    });
    lease
}
