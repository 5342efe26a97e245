//! The bridge's side of its door.

use std::sync::Arc;
use std::time::Duration;

use junction_shared::protocol::alias::Alias;
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
};
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::platform::Door;
use super::{Event, MAX_LINE, Request, Response, Sure};
use crate::wake::Wake;
use junction_engine::Engine;

/// Callers at once; further ones wait outside.
const MAX_CALLERS: usize = 16;
/// How long a caller has to say what it wants, and to take the answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Opens the door and answers whoever calls, in a task of its own. Aborted, it shuts the door.
pub(crate) fn open(engine: Engine, wake: Wake) -> AbortHandle {
    let task = tokio::spawn(async move {
        match Door::open() {
            Ok(door) => serve(door, Host { engine, wake }).await,
            Err(error) => {
                let kind = error.kind();
                tracing::info!("hooks cannot reach this bridge: no socket could be made ({kind})");
            }
        }
    });
    task.abort_handle()
}

/// Who answers.
#[derive(Clone)]
struct Host {
    engine: Engine,
    wake: Wake,
}

async fn serve(door: Door, host: Host) {
    let places = Arc::new(Semaphore::new(MAX_CALLERS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let Ok(caller) = door.caller().await else {
            // Such as too many open files: that may pass.
            tokio::time::sleep(PATIENCE).await;
            continue;
        };
        let host = host.clone();
        tokio::spawn(async move {
            host.answer(caller).await;
            drop(place);
        });
    }
}

impl Host {
    async fn answer(&self, caller: impl AsyncRead + AsyncWrite + Unpin) {
        let mut caller = BufReader::new(caller);
        let Ok(Some(request)) = timeout(PATIENCE, read(&mut caller)).await else { return };
        let response = match request {
            Request::Hook { event, sure } => {
                if self.is_meant(sure, event.session.as_deref()) {
                    return self.hook(event, &mut caller).await;
                }
                Response::Nothing
            }
            Request::Sleep { event, sure } => {
                if self.is_meant(sure, event.session.as_deref()) {
                    self.sleep(event, &mut caller).await;
                }
                return;
            }
            Request::Verify { alias } => self.verify(&alias).await,
        };
        let _ = timeout(PATIENCE, write(&mut caller, &response)).await;
    }

    /// Has a hook tell the agent something. What it did not pass on was not told: its client may have given it up.
    async fn hook(
        &self,
        event: Event,
        caller: &mut BufReader<impl AsyncRead + AsyncWrite + Unpin>,
    ) {
        let told = self.wake.hook(event);
        let passed_on = timeout(PATIENCE, async {
            write(caller, &Response::Hook(told.clone())).await.ok()?;
            caller.read_u8().await.ok()
        });
        if !matches!(passed_on.await, Ok(Some(_))) {
            self.wake.was_lost(&told);
        }
    }

    /// Whether this bridge is the one: by its parent, or because it knows the session by name.
    fn is_meant(&self, sure: Sure, session: Option<&str>) -> bool {
        sure == Sure::Yes || session.is_some_and(|session| self.wake.knows(session))
    }

    /// Keeps a caller until there is a reason to wake the agent, it hangs up, or another comes to sleep.
    async fn sleep(
        &self,
        event: Event,
        caller: &mut BufReader<impl AsyncRead + AsyncWrite + Unpin>,
    ) {
        let mut sleeper = self.wake.sleeper(event);
        loop {
            let mut one = [0];
            tokio::select! {
                read = caller.read(&mut one) => match read {
                    Ok(1) => {}
                    _ => return,
                },
                call = sleeper.call() => {
                    let Some(call) = call else { return };
                    let response = Response::Wake { notice: call.notice.clone() };
                    let written = timeout(PATIENCE, write(caller, &response)).await;
                    call.answer(matches!(written, Ok(Ok(()))));
                    return;
                }
            }
        }
    }

    async fn verify(&self, alias: &str) -> Response {
        let snapshot = self.engine.snapshot();
        let (Ok(alias), Some(own)) = (Alias::parse(alias), snapshot.alias) else {
            return Response::Nothing;
        };
        match self.engine.fingerprint_of(alias).await {
            Some(other) => {
                Response::Pair { alias: own.to_string(), own: snapshot.fingerprint, other }
            }
            None => Response::Nothing,
        }
    }
}

/// The request in the one line that a caller says.
async fn read(caller: &mut BufReader<impl AsyncRead + AsyncWrite + Unpin>) -> Option<Request> {
    let mut line = String::new();
    let mut limited = caller.take(MAX_LINE as u64);
    limited.read_line(&mut line).await.ok()?;
    line.ends_with('\n').then(|| serde_json::from_str(&line).ok())?
}

async fn write(
    caller: &mut BufReader<impl AsyncRead + AsyncWrite + Unpin>,
    response: &Response,
) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(response)?;
    line.push(b'\n');
    caller.write_all(&line).await?;
    caller.flush().await
}
