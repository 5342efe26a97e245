//! The HTTP side of the hub: its routes, and who may use them.

use std::sync::Arc;

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{CONNECTION, CONTENT_TYPE, HOST, ORIGIN};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use junction_shared::protocol::host_header::is_own_name;
use junction_shared::protocol::limits::MAX_FRAME;

use crate::accept::guarded_stream::ConnectionInfo;
use crate::app_state::AppState;
use crate::connection;
use crate::metrics::Gauges;
use crate::onlookers::{events, status};

/// Health check, open to all.
const HEALTH: &str = "/health";
/// The websocket endpoint of bridges.
const LINK: &str = "/link";
/// Metrics, for loopback only.
const METRICS: &str = "/metrics";
/// Who is there, and what goes on: for programs of this machine that prove to belong to the group.
const STATUS: &str = "/status";
const EVENTS: &str = "/events";
/// Where the hub of the original served MCP.
const MCP: &str = "/mcp";
/// What is said to a client that looks for MCP here. A redirect would not do: the client has sent its message before it sees
/// one, and no message may come to a hub in clear.
const NO_MCP: &str = "The hub cannot read messages, so it serves no MCP. Let the client start junction-bridge, or run junction-bridge gateway --compat for clients that cannot.\n";
/// The read buffer that every connection keeps: a larger one costs memory with thousands of connections, a
/// smaller one costs system calls with long messages.
const READ_BUFFER: usize = 4 * 1024;
/// The write buffer, filled while more frames are ready: about forty short frames.
const WRITE_BUFFER: usize = 16 * 1024;

/// Returns the routes of the hub.
pub(crate) fn routes(app: Arc<AppState>) -> Router {
    Router::new()
        .route(HEALTH, get(health))
        .route(METRICS, get(metrics))
        .route(LINK, get(link))
        .route(STATUS, get(status))
        .route(EVENTS, get(events))
        .route(MCP, any(no_mcp))
        .with_state(app.clone())
        .layer(middleware::from_fn_with_state(app, reject_foreign))
}

/// Rejects cross-origin and DNS-rebinding requests.
async fn reject_foreign(
    State(app): State<Arc<AppState>>,
    ConnectInfo(info): ConnectInfo<ConnectionInfo>,
    request: Request,
    next: Next,
) -> Response {
    info.pending.mark_counted();
    let mut response = match check(&request) {
        Ok(()) => next.run(request).await,
        Err(status) => {
            app.metrics.rejected_requests.increment();
            status.into_response()
        }
    };
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        // A pending connection has little time: one request per connection.
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

fn check(request: &Request) -> Result<(), StatusCode> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return Err(StatusCode::BAD_REQUEST);
    };
    if request.uri().authority().is_some() {
        // An absolute target would name a second host beside the header's.
        return Err(StatusCode::BAD_REQUEST);
    }
    // Only browsers send `Origin`, and no page may use anything but the health check.
    let is_open = request.uri().path() == HEALTH;
    let from_page = !is_open && request.headers().contains_key(ORIGIN);
    if from_page || !host.to_str().is_ok_and(is_own_name) {
        return Err(StatusCode::FORBIDDEN);
    }
    Ok(())
}

async fn health(State(app): State<Arc<AppState>>) -> Response {
    let Gauges { sessions, uptime, .. } = app.registry.gauges();
    let mode = if app.lan { "lan" } else { "localhost" };
    let version = env!("CARGO_PKG_VERSION");
    let body = format!(
        r#"{{"status":"ok","mode":"{mode}","activePeers":{sessions},"uptime":{uptime},"version":"{version}"}}"#
    );
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}

async fn no_mcp() -> Response {
    let kind = [(CONTENT_TYPE, "text/plain; charset=utf-8")];
    (StatusCode::NOT_FOUND, kind, NO_MCP).into_response()
}

async fn metrics(
    State(app): State<Arc<AppState>>,
    ConnectInfo(info): ConnectInfo<ConnectionInfo>,
) -> Response {
    if !info.quota.is_loopback() {
        return StatusCode::FORBIDDEN.into_response();
    }
    let text = app.metrics.render(&app.registry.gauges());
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

async fn link(
    State(app): State<Arc<AppState>>,
    ConnectInfo(info): ConnectInfo<ConnectionInfo>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let Ok(permit) = app.links.clone().try_acquire_owned() else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    upgrade
        .max_message_size(MAX_FRAME)
        .max_frame_size(MAX_FRAME)
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .on_upgrade(move |socket| async move {
            connection::run(&app, socket, info).await;
            drop(permit);
        })
}
