//! Who runs a command: a person, an agent in its client's shell, or a person's own `watch --exec`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;
use futures_util::future::join_all;
use junction_shared::machine::settings::env;
use tokio::time::timeout;

use crate::clients::{shell_session, shell_sign};
use crate::ipc::{
    BridgeRequest, BridgeResponse, bridges_of_this_session, is_inside_client, person_socket, send,
};

/// The variable by which a command knows that `watch --exec` runs it: the process id of that `watch`.
pub(crate) const WATCH: &str = "JUNCTION_WATCH";
/// How long a bridge may take to say whether it is the session's.
const PATIENCE: Duration = Duration::from_secs(2);

/// Who runs this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Invoker {
    /// A person, as far as can be seen.
    Person,
    /// A command of this `watch`, by its process id: a program answers, not a person.
    Exec(u32),
    /// An agent. What shows it: a variable, or a client among the processes above.
    Agent(String),
}

impl Invoker {
    /// Who runs this process.
    pub(crate) fn of_this_process() -> Self {
        if let Some((variable, client)) = shell_sign() {
            return Self::Agent(format!("{client} runs this command ({variable} is set)"));
        }
        if is_inside_client() {
            return Self::Agent("An agent's client runs this command".to_owned());
        }
        match env(WATCH).and_then(|pid| pid.parse().ok()) {
            Some(pid) => Self::Exec(pid),
            None => Self::Person,
        }
    }
}

/// Lets a command pass that is a person's alone.
///
/// # Errors
/// An agent's client runs it.
pub(crate) fn refuse_agents(tool: &str) -> anyhow::Result<()> {
    match Invoker::of_this_process() {
        Invoker::Agent(sign) => {
            bail!(
                "{sign}, so it would take an agent for a person. Call the tool {tool} instead. A person starts it in a \
                 terminal that no agent's client has opened."
            )
        }
        Invoker::Person | Invoker::Exec(_) => Ok(()),
    }
}

/// Lets a command pass that shows until its end what is a person's alone to see.
///
/// # Errors
/// An agent's client runs it.
pub(crate) fn refuse_agents_to_look() -> anyhow::Result<()> {
    match Invoker::of_this_process() {
        Invoker::Agent(sign) => bail!(
            "{sign}, and who writes to whom is shown to people alone. Call the tool list_peers to see who is there. A person \
             starts it in a terminal that no agent's client has opened."
        ),
        Invoker::Person | Invoker::Exec(_) => Ok(()),
    }
}

/// The socket of the `watch` that runs this command.
///
/// # Errors
/// That `watch` has ended.
pub(crate) fn watch_socket(pid: u32) -> anyhow::Result<PathBuf> {
    let socket = person_socket(pid);
    socket.ok_or_else(|| {
        anyhow::anyhow!(
            "The watch that runs this command has ended, so nothing was sent. Start junction-bridge watch again."
        )
    })
}

/// The socket of the bridge of the agent's session that runs this command. `attaches` says whether it is to send
/// attachments.
///
/// # Errors
/// There is none, or which of several it is cannot be told, or it is too old.
pub(crate) async fn session_socket(sign: &str, attaches: bool) -> anyhow::Result<PathBuf> {
    let session = shell_session();
    let bridges = bridges_of_this_session();
    let asked = bridges.iter().map(|(socket, session_match)| {
        let request =
            BridgeRequest::Session { session: session.clone(), session_match: *session_match };
        async move { timeout(PATIENCE, send(socket, &request)).await.ok()?.ok() }
    });
    let answers = join_all(asked).await;
    let mut own =
        bridges.iter().zip(answers).filter_map(|((socket, _), answer)| match answer?.response {
            BridgeResponse::Here { attaches, .. } => Some((socket.clone(), attaches)),
            _ => None,
        });
    match (own.next(), own.next()) {
        (Some((_, false)), None) if attaches => bail!(
            "The bridge of this session has an older version that takes no attachments, so nothing was sent. Ask your user to \
             restart the client, or send it without attachments."
        ),
        (Some((socket, _)), None) => Ok(socket),
        (None, _) => bail!(
            "{sign}, and the bridge of its session cannot be found, so nothing was sent. Call the tool send_message instead."
        ),
        _ => bail!(
            "{sign}, and several bridges may be its session's, so nothing was sent. Call the tool send_message instead."
        ),
    }
}
