//! How hooks and commands of the same user reach a running bridge: by a socket in the user's runtime directory, named
//! after the bridge's process.
//!
//! ```text
//! hook        → {"ask":"hook","event":"Stop",…}        ← {"say":"hook","block":"Agent Junction notice 3: …"}
//! rewake hook → {"ask":"sleep",…}                      ← {"say":"wake","notice":"…"}, once there is a reason to
//! plugin      → {"ask":"wait","outcome":"woken",…}     ← {"say":"wake","notice":"…"}, once there is a reason to
//! verify      → {"ask":"verify","alias":"calm-otter"}  ← {"say":"pair","alias":…,"own":…,"other":…}
//! doctor      → {"ask":"describe"}                     ← {"say":"description","version":…,"hub":…,…}
//!             → {"ask":"try"}                          ← {"say":"tried","way":…,"outcome":…}, within 20 seconds
//! hold        → {"ask":"hold","seconds":600}           ← {"say":"done"}
//!             → {"ask":"release"}                      ← {"say":"done"}
//! remove      → {"ask":"remove"}                       ← {"say":"done"}, within 3 seconds
//! status      → {"ask":"agents","after":…}             ← {"say":"agents","agents":[…],"more":…}, of a gateway
//!             → {"ask":"remove-agent","agent":…}       ← {"say":"done"}, within 3 seconds
//! status-line → {"ask":"inbox","session":…}            ← {"say":"inbox","alias":…,"unread":2,…}
//! peers       → {"ask":"peers","cursor":…}            ← {"say":"peers","peers":[…],"cursor":…}
//! ui          → {"ask":"repositories"}                 ← {"say":"repositories","repositories":[…]}
//!             → {"ask":"page","place":…}              ← {"say":"link","link":…}, of a person's command
//! claims      → {"ask":"claims","repository":…}        ← {"say":"claims","claims":[…],"held":[…]}
//! send        → {"ask":"session","session":…}          ← {"say":"here","alias":…}
//!             → {"ask":"send","to":…,"message":…}      ← {"say":"sent","answer":{…}}
//!             → {"ask":"send-attached","to":…,…}       ← {"say":"sent","answer":{…}}
//! ```
//!
//! One line of JSON each way. A hook then writes one byte once its client has the reply, a plugin's wait once it has
//! printed the notice, and `send` once it has printed an answer: until then the bridge counts it as lost. A person's
//! command that runs for a while has such a socket too, and so has a gateway, under other names, so that no hook takes one
//! for a bridge.

use std::io;
use std::path::Path;

use futures_util::FutureExt as _;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};

mod bodies;
pub(crate) mod description;
mod discover;
#[cfg(not(unix))]
mod elsewhere;
pub(crate) mod local_sessions;
pub(crate) mod server;
#[cfg(unix)]
mod unix;

use crate::clients::WakeOutcome;
use crate::clients::hook_event::HookEvent;
use crate::clients::hook_reply::HookReply;
pub(crate) use bodies::{
    AttachmentRequest, ClaimsQuestion, HttpAgent, InboxCounts, KnownRepository, SendRequest,
    ShownClaims,
};
use description::{SessionDescription, TrialReport};
pub(crate) use discover::{
    SessionMatch, all_bridges, bridges_of_this_session, gateway_of, gateways, is_inside_client,
    person_socket, persons_sockets, process_of, with_sessions,
};
#[cfg(not(unix))]
use elsewhere as platform;
#[cfg(unix)]
use unix as platform;

/// The longest line in either direction, in bytes. Lines hold an event, an alias or a notice.
const MAX_LINE: usize = 4096;
/// The longest line with a hook's event, in bytes: the paths of a call's files, of which JSON writes each byte as up to six.
const MAX_HOOK_LINE: usize = 200 * 1024;
/// What a line with a hook's event begins with.
const HOOK_PREFIX: &[u8] = b"{\"ask\":\"hook\",";
/// The longest line with peers, in bytes.
const MAX_PEERS_LINE: usize = 256 * 1024;
/// The longest line with agents of a gateway, in bytes.
pub(crate) const MAX_AGENTS_LINE: usize = MAX_PEERS_LINE;
/// Peers in such a line, at most: the texts of one take 2 KiB as JSON.
pub(crate) const PEERS_IN_LINE: u16 = 100;
/// The longest line with a message, in bytes: 64 KiB of text, of which JSON writes each byte as up to six, and the rest.
const MAX_MESSAGE_LINE: usize = 400 * 1024;
/// The longest line with an answer to a message, in bytes: a text of which each byte was written out for display.
const MAX_ANSWER_LINE: usize = 1024 * 1024;
/// What a line with a message, or with files, begins with.
const MESSAGE_PREFIXES: [&[u8]; 3] =
    [b"{\"ask\":\"send\",", b"{\"ask\":\"send-attached\",", b"{\"ask\":\"claims\","];

/// A request to a bridge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "lowercase")]
pub(crate) enum BridgeRequest {
    /// Asks what the agent should be told at a hook event.
    Hook {
        /// The event.
        event: HookEvent,
        /// How sure the hook is that the bridge belongs to its session.
        #[serde(rename = "sure")]
        session_match: SessionMatch,
    },
    /// Waits until the agent should be woken.
    #[serde(rename = "sleep")]
    Rewake {
        /// The event at which the hook was started.
        event: HookEvent,
        /// How sure the hook is that the bridge belongs to its session.
        #[serde(rename = "sure")]
        session_match: SessionMatch,
        /// Whether the hook waits only while no plugin does.
        #[serde(rename = "reserve", default)]
        is_reserve: bool,
    },
    /// Waits, for a plugin, until the agent should be woken.
    Wait {
        /// What became of the notice that the plugin was given last.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outcome: Option<WakeOutcome>,
        /// The session's id, where the client tells it.
        session: Option<String>,
        /// How sure the plugin is that the bridge belongs to its session.
        #[serde(rename = "sure")]
        session_match: SessionMatch,
    },
    /// Asks for the fingerprints of this session and a peer's, which people compare.
    Verify {
        /// The peer's alias.
        alias: String,
    },
    /// Asks where the session is, and how its agent is reached.
    Describe,
    /// Has the agent woken as a trial, if it is idle, and asks what came of that.
    Try,
    /// Pauses all wakes of the agent, in place of an earlier hold. A peer cannot: what reaches the socket runs as the agent's
    /// user.
    Hold {
        /// For how long: 1 to 86,400. What is less or more counts as the nearest of these.
        seconds: u64,
    },
    /// Ends the pause of wakes.
    Release,
    /// Has the session leave the junction until its agent calls `register`.
    Remove,
    /// Asks a gateway which agents it runs, a page at a time.
    Agents {
        /// The id of the last agent of the page before.
        after: Option<String>,
    },
    /// Has the session of an agent behind a gateway leave the junction until the agent calls `register`.
    #[serde(rename = "remove-agent")]
    RemoveAgent {
        /// The id of the agent.
        agent: String,
    },
    /// Asks which peers the session sees, a page at a time.
    Peers {
        /// Only peers of this role.
        role: Option<String>,
        /// Only peers in this repository.
        repo: Option<String>,
        /// The cursor of the page, as the page before it gave it.
        cursor: Option<String>,
    },
    /// Asks whether the bridge is that of the caller's session.
    Session {
        /// The session's id, where the client tells it.
        session: Option<String>,
        /// How sure the caller is that the bridge belongs to its session.
        #[serde(rename = "sure")]
        session_match: SessionMatch,
    },
    /// Asks what waits for the agent, to show it to its user.
    Inbox {
        /// The session's id, where the client tells it.
        session: Option<String>,
        /// How sure the caller is that the bridge belongs to its session.
        #[serde(rename = "sure")]
        session_match: SessionMatch,
    },
    /// Asks which repositories the session works in.
    Repositories,
    /// Asks for the claims of a repository, as the caller's session knows them.
    Claims(Box<ClaimsQuestion>),
    /// Asks whether a person is in this place: directory, hub and port.
    Person { place: String },
    /// Asks for the page of the person in this place.
    Page {
        /// The place, as in `Person`.
        place: String,
        /// Whether to open it in a browser.
        opens: bool,
        /// The alias that the person chose for it, if they did.
        name: Option<String>,
    },
    /// Sends a message as the session.
    Send(Box<SendRequest>),
    /// Sends a message with attachments as the session. A bridge that knows none does not know this request, and would
    /// otherwise send the message without them.
    #[serde(rename = "send-attached")]
    SendAttached(Box<SendRequest>),
}

/// A bridge's response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "lowercase")]
pub(crate) enum BridgeResponse {
    /// What the agent should be told at the event, if anything.
    Hook(HookReply),
    /// The agent should be woken now.
    Wake {
        /// The notice for the agent.
        notice: String,
    },
    /// The fingerprints of both sessions.
    #[serde(rename = "pair")]
    Fingerprints {
        /// This session's alias.
        alias: String,
        /// This session's fingerprint.
        own: String,
        /// The peer's fingerprint.
        other: String,
    },
    /// Where the session is, and how its agent is reached.
    #[serde(rename = "description")]
    Description(Box<SessionDescription>),
    /// What the user asked for is done.
    Done,
    /// What came of the trial.
    Tried(TrialReport),
    /// A page of the peers that the session sees, each as the tool `list_peers` shows it.
    Peers {
        /// The peers.
        peers: Vec<Value>,
        /// The cursor of the next page.
        cursor: Option<String>,
    },
    /// A page of the agents that a gateway runs, in the order of their ids.
    Agents {
        /// The agents.
        agents: Vec<HttpAgent>,
        /// Whether there are more.
        more: bool,
    },
    /// The session is here.
    Here {
        /// The session's alias.
        alias: String,
        /// Whether messages are shown as they come.
        #[serde(default)]
        watches: bool,
        /// Whether a program reads the messages, in place of the person.
        #[serde(default)]
        runs_command: bool,
        /// Whether messages are sent with attachments.
        #[serde(default)]
        attaches: bool,
        /// Whether messages are shown on a page.
        #[serde(default)]
        serves_page: bool,
    },
    /// A link that opens the page once.
    Link {
        /// The link.
        link: String,
        /// Whether a browser was opened, too.
        is_opened: bool,
        /// The alias that the person has on the page.
        alias: Option<String>,
    },
    /// What waits for the agent.
    Inbox(InboxCounts),
    /// The repositories that the session works in.
    Repositories {
        /// The repositories, that of the project first.
        repositories: Vec<KnownRepository>,
    },
    /// The claims that were asked for.
    Claims(ShownClaims),
    /// What became of the message.
    Sent {
        /// The answer of the tool `send_message`.
        answer: Map<String, Value>,
    },
    /// The message was not sent.
    Failed {
        /// Why, and what to do.
        why: String,
    },
    /// The request concerns another session, or a peer that the bridge does not know.
    Nothing,
}

/// A bridge's response, and the connection on which it can be acknowledged.
pub(crate) struct ReceivedResponse {
    pub(crate) response: BridgeResponse,
    stream: platform::SocketStream,
}

impl ReceivedResponse {
    /// Whether the bridge still holds the connection. It lets go of a program that takes too long, such as one that was
    /// stopped.
    pub(crate) fn is_awaited(&mut self) -> bool {
        self.stream.read(&mut [0]).now_or_never().is_none()
    }

    /// Tells the bridge that the reply has arrived where it was to.
    pub(crate) async fn acknowledge(mut self) {
        // A bridge that has ended meanwhile needs no acknowledgement.
        let _ = self.stream.write_all(b"\n").await;
    }
}

/// Sends a request to the bridge at a socket, and waits for the response.
///
/// # Errors
/// If the bridge cannot be reached, or its response cannot be read.
pub(crate) async fn send(socket: &Path, request: &BridgeRequest) -> io::Result<ReceivedResponse> {
    let mut stream = BufReader::new(platform::connect(socket).await?);
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    stream.write_all(&line).await?;
    stream.flush().await?;
    let longest = match request {
        BridgeRequest::Peers { .. } => MAX_PEERS_LINE,
        BridgeRequest::Agents { .. } => MAX_AGENTS_LINE,
        BridgeRequest::Send(_)
        | BridgeRequest::SendAttached(_)
        | BridgeRequest::Claims(_)
        | BridgeRequest::Repositories => MAX_ANSWER_LINE,
        _ => MAX_LINE,
    };
    let mut answer = Vec::new();
    let mut limited = stream.take(longest as u64);
    limited.read_until(b'\n', &mut answer).await?;
    let response = serde_json::from_slice(&answer)?;
    Ok(ReceivedResponse { response, stream: limited.into_inner().into_inner() })
}
