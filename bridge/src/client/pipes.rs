//! The tasks at a server's pipes: one writes lines, one tells answers from other lines, one waits for the
//! server's end.

use std::collections::HashMap;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin};
use tokio::sync::{mpsc, oneshot, watch};

/// Calls on their way, by id; none once the server has closed its stdout.
pub(super) type Pending = Mutex<Option<HashMap<u64, oneshot::Sender<Value>>>>;

/// The lock; one that panicked while it held it left nothing half done.
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
    let mut stdout = BufReader::new(stdout);
    let mut line = Vec::new();
    while matches!(stdout.read_until(b'\n', &mut line).await, Ok(1..)) {
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        line.clear();
        if let Some(stray) = deliver(&pending, text)
            && strays.send(stray).await.is_err()
        {
            break;
        }
    }
    // Dropping the senders tells every call that the server has ended.
    held(&pending).take();
}

/// Hands an answer to its call; a line that answers none comes back.
fn deliver(pending: &Pending, line: String) -> Option<String> {
    let Ok(message) = serde_json::from_str::<Value>(&line) else { return Some(line) };
    if message.get("method").is_some() {
        return Some(line);
    }
    let Some(id) = message["id"].as_u64() else { return Some(line) };
    let Some(call) = held(pending).as_mut().and_then(|pending| pending.remove(&id)) else {
        return Some(line);
    };
    // A call nobody waits for any more needs no answer.
    let _ = call.send(message);
    None
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
