//! The tasks at a server's pipes: one writes lines, one tells answers from other lines, one waits for the
//! server's end.

use std::collections::HashMap;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin};
use tokio::sync::{mpsc, oneshot, watch};

/// The size of a pipe on Linux.
const READ_BUFFER: usize = 64 * 1024;

/// The calls that wait for their answers, by id; none once the server has closed its stdout.
pub(super) type Pending = Mutex<Option<HashMap<u64, oneshot::Sender<Vec<u8>>>>>;

/// The parts of a line that show whether it is an answer, and to which call.
#[derive(Deserialize)]
struct Address {
    id: Option<Value>,
    method: Option<IgnoredAny>,
}

/// Locks. A panic of another holder left nothing half done.
pub(super) fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes lines until there are no more senders, then closes the server's stdin.
pub(super) async fn write_lines(mut stdin: ChildStdin, mut lines: mpsc::Receiver<Vec<u8>>) {
    while let Some(line) = lines.recv().await {
        if stdin.write_all(&line).await.is_err() || stdin.flush().await.is_err() {
            return;
        }
    }
}

/// Gives each answer to its call and every other line to the strays, until stdout is closed.
pub(super) async fn read_lines(
    stdout: impl AsyncRead + Unpin,
    pending: Arc<Pending>,
    strays: mpsc::Sender<String>,
) {
    let mut stdout = BufReader::with_capacity(READ_BUFFER, stdout);
    let mut line = Vec::new();
    while matches!(stdout.read_until(b'\n', &mut line).await, Ok(1..)) {
        if let Some(stray) = deliver(&pending, std::mem::take(&mut line)) {
            let text = String::from_utf8_lossy(&stray).trim_end().to_owned();
            if strays.send(text).await.is_err() {
                break;
            }
        }
    }
    // Dropping the senders tells every call that the server has ended.
    held(&pending).take();
}

/// Hands an answer to its call; a line that answers none comes back.
fn deliver(pending: &Pending, line: Vec<u8>) -> Option<Vec<u8>> {
    let id = usual_id(&line).or_else(|| id(&line));
    let call = id.and_then(|id| held(pending).as_mut()?.remove(&id));
    let Some(call) = call else { return Some(line) };
    // A call nobody waits for any more needs no answer.
    let _ = call.send(line);
    None
}

/// The id of an answer that begins as the bridge's do, without parsing it: large answers are parsed once, by the
/// caller that waits for them.
fn usual_id(line: &[u8]) -> Option<u64> {
    let rest = line.strip_prefix(b"{\"jsonrpc\":\"2.0\",\"id\":")?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (id, rest) = rest.split_at(digits);
    let answers = rest.starts_with(b",\"result\":") || rest.starts_with(b",\"error\":");
    if answers { std::str::from_utf8(id).ok()?.parse().ok() } else { None }
}

/// The id of an answer of any form.
fn id(line: &[u8]) -> Option<u64> {
    match serde_json::from_slice(line) {
        Ok(Address { id: Some(id), method: None }) => id.as_u64(),
        _ => None,
    }
}

/// Waits for the server's end; kills it when told to, or when the client is dropped.
pub(super) async fn watch_over(
    mut child: Child,
    mut kill: mpsc::Receiver<()>,
    status: watch::Sender<Option<ExitStatus>>,
) {
    let ended = tokio::select! {
        ended = child.wait() => ended,
        _ = kill.recv() => {
            // It fails only if the server has ended already.
            let _ = child.start_kill();
            child.wait().await
        }
    };
    status.send_replace(ended.ok());
}
