//! The server of the gateway: who may come in by which address, and to which agent a message goes.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::http::header::{ALLOW, CONTENT_TYPE, HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use futures_util::StreamExt as _;
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::agent::GatewayAgent;
use super::agents::AgentKey;
use super::connections::Connections;
use super::host::{Door, GatewayHost};
use super::listener::{GatewayClient, GatewayListener};
use super::session_id::SessionId;
use super::tls::GatewayTls;
use crate::mcp::http::{MAX_BODY, PostCaller, PostedMessage};

/// The header with the id of a session.
const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
/// How long a client may take to send a message.
const BODY_TIME: Duration = Duration::from_secs(30);

/// Why a request is not served, in a sentence and what to do.
#[derive(Clone, Copy)]
enum NotServed {
    OtherUser,
    OtherOrigin,
    OtherName,
    NoAgent,
    NoSuchPath,
    NoSession,
    UnknownSession,
    TooManyAgents,
    TooLong,
    TooSlow,
    Broken,
    OtherMethod,
}

/// Where the gateway listens, and what its addresses there lead to.
pub(crate) enum Served {
    /// Agents that have addresses of their own, to other machines by TLS.
    Named(TcpListener, Option<Arc<GatewayTls>>),
    /// Any client of this machine's user.
    Open(TcpListener),
}

/// Serves the gateway at this listener until the task is dropped.
///
/// # Errors
/// The listener fails.
pub(crate) async fn serve(
    host: Arc<GatewayHost>,
    served: Served,
    connections: Arc<Connections>,
) -> std::io::Result<()> {
    let (routes, listener, tls) = match served {
        Served::Named(listener, tls) => {
            let routes =
                Router::new().route("/mcp/{token}", any(named)).route("/mcp", any(no_agent));
            (routes, listener, tls)
        }
        Served::Open(listener) => {
            let routes = Router::new().route("/mcp", any(open)).route("/health", get(health));
            (routes, listener, None)
        }
    };
    let routes = routes.fallback(no_such_path).layer(middleware::from_fn(guard)).with_state(host);
    let service = routes.into_make_service_with_connect_info::<GatewayClient>();
    axum::serve(GatewayListener::new(listener, tls, connections), service).await
}

/// Lets requests pass that no web page has made, and that are to this machine by an address, not by a name that could be made
/// to lead here.
async fn guard(
    ConnectInfo(client): ConnectInfo<GatewayClient>,
    request: Request,
    next: Next,
) -> Response {
    let why = check(&client, request.uri(), request.headers()).err();
    match why {
        Some(why) => why.into_response(),
        None => next.run(request).await,
    }
}

fn check(client: &GatewayClient, uri: &Uri, headers: &HeaderMap) -> Result<(), NotServed> {
    if client.is_foreign {
        return Err(NotServed::OtherUser);
    }
    let mut hosts = headers.get_all(HOST).iter().map(|host| host.to_str().unwrap_or_default());
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return Err(NotServed::OtherName) };
    // A request for an absolute address is to the host in that (RFC 9112 §3.2.2).
    let named = uri.authority().map_or(host, Authority::as_str);
    if !client.is_own_host(host) || !named.eq_ignore_ascii_case(host) {
        return Err(NotServed::OtherName);
    }
    let own = client.origin(host);
    let is_own = |origin: &HeaderValue| origin.as_bytes().eq_ignore_ascii_case(own.as_bytes());
    if headers.get_all(ORIGIN).iter().all(is_own) { Ok(()) } else { Err(NotServed::OtherOrigin) }
}

async fn no_agent() -> Response {
    NotServed::NoAgent.into_response()
}

/// Says how the hub is, to those who look where it was.
async fn health(State(host): State<Arc<GatewayHost>>) -> Response {
    ([(CONTENT_TYPE, "application/json")], host.health().await.to_string()).into_response()
}

async fn no_such_path() -> Response {
    NotServed::NoSuchPath.into_response()
}

/// Serves the agent whose address this is.
async fn named(
    State(host): State<Arc<GatewayHost>>,
    ConnectInfo(client): ConnectInfo<GatewayClient>,
    Path(token): Path<String>,
    request: Request,
) -> Response {
    let Some(agent) = host.named(&token) else { return NotServed::NoAgent.into_response() };
    client.usage.known();
    serve_door(&host, &Door::Named(agent), &client, request)
        .await
        .unwrap_or_else(IntoResponse::into_response)
}

/// Serves any client of this machine's user.
async fn open(
    State(host): State<Arc<GatewayHost>>,
    ConnectInfo(client): ConnectInfo<GatewayClient>,
    request: Request,
) -> Response {
    serve_door(&host, &Door::Open, &client, request)
        .await
        .unwrap_or_else(IntoResponse::into_response)
}

async fn serve_door(
    host: &GatewayHost,
    door: &Door,
    client: &GatewayClient,
    request: Request,
) -> Result<Response, NotServed> {
    let busy = client.usage.begin();
    let named = request.headers().get(&SESSION).map(|id| id.to_str().unwrap_or_default());
    let session = named.map(|id| host.session(door, id).ok_or(NotServed::UnknownSession));
    match *request.method() {
        Method::POST => {}
        Method::DELETE => {
            host.end(door, session.ok_or(NotServed::NoSession)??).await;
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        _ => return Err(NotServed::OtherMethod),
    }
    let (parts, body) = request.into_parts();
    let body = message_body(body).await?;
    let message = match PostedMessage::read(&body, &parts.headers) {
        Ok(message) => message,
        Err(refused) => return Ok(refused.into_response()),
    };
    if *door == Door::Open
        && let Some(refused) = message.refused_as_stateless()
    {
        return Ok(refused);
    }
    // A client that begins anew may still name the session before.
    let opened = message.opening_client().map(|name| host.new_session(door, name));
    let session = match (&opened, session) {
        (Some(_), _) => None,
        (None, session) => session.transpose()?,
    };
    if session.is_some() {
        client.usage.known();
    }
    let agent = agent_of(host, door, session.as_ref(), message.is_call())?;
    let running = agent.as_ref().map(GatewayAgent::begin);
    let caller = PostCaller {
        session: session.map(|session| session.text().to_owned()),
        proof: Arc::clone(&client.proof),
        held: Box::new((running, busy)),
    };
    let server = agent.as_ref().map_or(&host.reception, |agent| &agent.server);
    let mut response = server.post(parts, message, caller).await;
    if let Some(opened) = opened.filter(|_| response.status() == StatusCode::OK) {
        name_session(&mut response, &opened);
    }
    Ok(response)
}

/// The agent that a message is for, if it needs one. Sessions of the open address that never call a tool are nobody.
fn agent_of(
    host: &GatewayHost,
    door: &Door,
    session: Option<&SessionId>,
    is_call: bool,
) -> Result<Option<Arc<GatewayAgent>>, NotServed> {
    let start = |key: &AgentKey| host.agents.get(key).ok_or(NotServed::TooManyAgents);
    match (door, session) {
        (Door::Named(agent), _) => start(&AgentKey::Named(agent.clone())).map(Some),
        (Door::Open, Some(session)) => {
            let key = AgentKey::Session(session.clone());
            if is_call { start(&key).map(Some) } else { Ok(host.agents.get_running(&key)) }
        }
        (Door::Open, None) if is_call => Err(NotServed::NoSession),
        (Door::Open, None) => Ok(None),
    }
}

/// The body of a request, if it comes in time.
async fn message_body(body: Body) -> Result<Vec<u8>, NotServed> {
    // Known before by the length that the client tells.
    if body.size_hint().lower() > MAX_BODY as u64 {
        return Err(NotServed::TooLong);
    }
    timeout(BODY_TIME, whole(body)).await.map_err(|_| NotServed::TooSlow)?
}

/// All of a body.
async fn whole(body: Body) -> Result<Vec<u8>, NotServed> {
    let (mut whole, mut pieces) = (Vec::new(), body.into_data_stream());
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|_| NotServed::Broken)?;
        if whole.len() + piece.len() > MAX_BODY {
            return Err(NotServed::TooLong);
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole)
}

/// Gives the client an id to name its session by.
fn name_session(response: &mut Response, session: &SessionId) {
    if let Ok(id) = HeaderValue::from_str(session.text()) {
        response.headers_mut().insert(SESSION, id);
    }
}

impl NotServed {
    /// The status, what is wrong, and what to do.
    fn words(self) -> (StatusCode, &'static str) {
        match self {
            Self::OtherUser => (
                StatusCode::FORBIDDEN,
                "The gateway serves programs of its own user on this machine, on connections that they keep open. Use a program of that user that waits for its answer, or come in by TLS: see junction-bridge gateway --help.",
            ),
            Self::OtherOrigin => (
                StatusCode::FORBIDDEN,
                "The gateway serves no web pages. Use a client of MCP that is no web page.",
            ),
            Self::OtherName => (
                StatusCode::FORBIDDEN,
                "The gateway is asked by an IP address, localhost, or by TLS a name in its certificate. Correct the address in the settings of the client.",
            ),
            Self::NoAgent => (
                StatusCode::NOT_FOUND,
                "There is no agent at this address. Run junction-bridge gateway add NAME, and give the client the address that it prints.",
            ),
            Self::NoSuchPath => (
                StatusCode::NOT_FOUND,
                "Here is a gateway of Agent Junction, which serves nothing at this path. Its MCP is at /mcp: see junction-bridge gateway --help.",
            ),
            Self::NoSession => (
                StatusCode::BAD_REQUEST,
                "The request names no session. Send initialize first, and then its mcp-session-id with each request.",
            ),
            Self::UnknownSession => (
                StatusCode::NOT_FOUND,
                "The session is not known here, or has ended. Send initialize to begin another.",
            ),
            Self::TooManyAgents => (
                StatusCode::SERVICE_UNAVAILABLE,
                "The gateway runs as many agents as it can. Try again in a minute.",
            ),
            Self::TooLong => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "The message is longer than 1 MiB. Send less at once.",
            ),
            Self::TooSlow => (
                StatusCode::REQUEST_TIMEOUT,
                "The message did not come within 30 seconds. Send it again.",
            ),
            Self::OtherMethod => (
                StatusCode::METHOD_NOT_ALLOWED,
                "A client asks here by POST, and nothing is sent to it unasked. Send a message of MCP by POST.",
            ),
            Self::Broken => (
                StatusCode::BAD_REQUEST,
                "The message broke off, or its chunks are not those of HTTP. Send it again.",
            ),
        }
    }
}

impl IntoResponse for NotServed {
    fn into_response(self) -> Response {
        let (status, words) = self.words();
        let kind = [(CONTENT_TYPE, "text/plain; charset=utf-8")];
        let mut response = (status, kind, format!("{words}\n")).into_response();
        if status == StatusCode::METHOD_NOT_ALLOWED {
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST, DELETE"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::StreamExt as _;
    use futures_util::stream::{iter, pending};
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn message_of_which_the_rest_never_comes_is_given_up() {
        let half = iter([Ok::<_, Infallible>(axum::body::Bytes::from_static(b"{\"jsonrpc\""))]);
        let began = Instant::now();
        let read = message_body(Body::from_stream(half.chain(pending()))).await;
        assert!(matches!(read, Err(NotServed::TooSlow)));
        assert!(began.elapsed() >= BODY_TIME);
    }
}
