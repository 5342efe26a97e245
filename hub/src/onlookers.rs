//! Programs on this machine that look at what goes on: `/status` once, and `/events` as it happens.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::accept::guarded_stream::ConnectionInfo;
use crate::app_state::AppState;
use crate::onlooker_json::{event_json, session_json};
use crate::registry::Look;

/// Events that may wait for one that looks. With more, it is too slow, and its connection ends.
const MAX_WAITING: usize = 1024;
/// How often something is sent although nothing happens, so that a connection that is over is noticed.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The answer to a request that may not look.
fn refusal(app: &AppState, info: &ConnectionInfo, headers: &HeaderMap) -> Option<Response> {
    if !info.quota.is_loopback() {
        return Some(StatusCode::FORBIDDEN.into_response());
    }
    let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = header.and_then(|value| value.strip_prefix("Bearer "));
    if token.is_some_and(|token| app.onlookers.admits(&app.auth, token.trim())) {
        return None;
    }
    Some(
        (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, app.onlookers.challenge())]).into_response(),
    )
}

/// Answers who is there, once.
pub(crate) async fn status(
    State(app): State<Arc<AppState>>,
    ConnectInfo(info): ConnectInfo<ConnectionInfo>,
    headers: HeaderMap,
) -> Response {
    if let Some(refusal) = refusal(&app, &info, &headers) {
        return refusal;
    }
    let (gauges, sessions) = (app.registry.gauges(), app.registry.sessions());
    let now = app.registry.age();
    let sessions: Vec<Value> = sessions.iter().map(|session| session_json(session, now)).collect();
    let body = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "mode": if app.lan { "lan" } else { "localhost" },
        "uptime": gauges.uptime,
        "messages": gauges.messages,
        "bytes": gauges.bytes,
        "sessions": sessions,
    });
    let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];
    (headers, body.to_string()).into_response()
}

/// Sends a snapshot, and then each event, until the reader is too slow or the hub stops.
pub(crate) async fn events(
    State(app): State<Arc<AppState>>,
    ConnectInfo(info): ConnectInfo<ConnectionInfo>,
    headers: HeaderMap,
) -> Response {
    if let Some(refusal) = refusal(&app, &info, &headers) {
        return refusal;
    }
    let Some(place) = app.onlookers.place() else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    info.pending.admit_without_handshake();
    let (sender, receiver) = mpsc::channel(MAX_WAITING);
    tokio::spawn(async move {
        tokio::select! {
            // What waits for a reader that is too slow is dropped with its connection.
            () = tell(&app, &sender) => info.pending.close(),
            _ = app.stops() => {}
            () = sender.closed() => {}
        }
    });
    // The place is taken until the connection is over, so that what is kept for readers is bounded.
    let events = stream::unfold((receiver, place), async |(mut receiver, place)| {
        let event: Event = receiver.recv().await?;
        Some((Ok::<_, Infallible>(event), (receiver, place)))
    });
    let events = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
    ([(CACHE_CONTROL, "no-store")], events).into_response()
}

/// Tells one that looks what happens. Ends if it takes too long to read.
async fn tell(app: &AppState, to: &mpsc::Sender<Event>) {
    let Look { sessions, mut events } = app.registry.look();
    let now = app.registry.age();
    let sessions: Vec<Value> = sessions.iter().map(|session| session_json(session, now)).collect();
    let snapshot = json!({ "sessions": sessions }).to_string();
    if to.try_send(Event::default().event("snapshot").data(snapshot)).is_err() {
        return;
    }
    // An error means that this task was too slow itself, or that the hub stops.
    while let Ok(event) = events.recv().await {
        let (name, body) = event_json(&event, app.registry.age());
        if to.try_send(Event::default().event(name).data(body.to_string())).is_err() {
            return;
        }
    }
}
