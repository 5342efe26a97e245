//! The server of the page: its files, the websocket of each tab, and what the person does.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{ConnectInfo, DefaultBodyLimit, FromRequest as _, Path, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, LOCATION, REFERRER_POLICY,
    SET_COOKIE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use junction_shared::machine::running_system::is_own_connection;
use junction_shared::protocol::limits::MAX_ATTACHMENT;
use tokio::net::TcpListener;

use super::actions;
use super::connection::{MAX_SAID, serve_tab};
use super::files::file;
use super::host::PageHost;
use super::own_listener::{Browser, OwnListener};

/// What the page may load, and from where: its own files.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; \
                      form-action 'none'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";
/// The largest body of a request, in bytes: a file, or a message of which JSON writes each byte as up to six.
const MAX_BODY: usize = 16 * 1024 * 1024 + 64 * 1024;
const _: () = assert!(MAX_ATTACHMENT <= MAX_BODY as u64);
/// The header in which a browser says what has sent it here.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// The header in which the page shows its key.
const KEY: HeaderName = HeaderName::from_static("page-key");
/// What is said to a browser whose link was used before, or that has none.
const NO_LINK: &str = "This link was used before, or belongs to another page. Run junction-bridge ui again, and open the link that it prints.\n";

/// Serves the page until the task is dropped.
///
/// # Errors
/// The listener fails.
pub(crate) async fn serve(page: Arc<PageHost>, listener: TcpListener) -> std::io::Result<()> {
    let routes = Router::new()
        .route("/", get(index))
        .route("/{file}", get(page_file))
        // What only looks at a link, such as a preview, must not use it up.
        .route("/start", get(start).head(looked_at))
        .route("/open/{link}", get(open).head(looked_at))
        .route("/live", get(live))
        .route("/do/{action}", post(act))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn_with_state(Arc::clone(&page), guard))
        .with_state(page);
    let service = routes.into_make_service_with_connect_info::<Browser>();
    axum::serve(OwnListener::new(listener), service).await
}

/// Lets requests pass that are to this address, so that no other name leads here. Says how answers are to be treated.
async fn guard(State(page): State<Arc<PageHost>>, request: Request, next: Next) -> Response {
    let address = page.address().to_string();
    let mut hosts = request.headers().get_all(HOST).iter();
    let is_here = hosts.next().is_some_and(|host| host.as_bytes() == address.as_bytes());
    let mut response = if is_here && hosts.next().is_none() {
        next.run(request).await
    } else {
        StatusCode::FORBIDDEN.into_response()
    };
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (CACHE_CONTROL, "no-store"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn index() -> Response {
    page_file(Path("index.html".to_owned())).await
}

async fn page_file(Path(name): Path<String>) -> Response {
    match file(&name) {
        Some(file) => ([(CONTENT_TYPE, file.kind)], file.text).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Lets a browser in that was opened for this page. Where the system does not tell whose it is, nobody is.
async fn start(
    State(page): State<Arc<PageHost>>,
    ConnectInfo(browser): ConnectInfo<Browser>,
    headers: HeaderMap,
) -> Response {
    // A page that sends the browser here is none that the person has opened.
    if headers.get(FETCH_SITE).is_some_and(|site| site != "none") {
        return no_link();
    }
    if !page.access.is_let_in() || is_own_connection(browser.address, page.address()) != Some(true)
    {
        return no_link();
    }
    (StatusCode::SEE_OTHER, [(LOCATION, format!("/open/{}", page.access.new_link()))])
        .into_response()
}

/// Answers what looks whether the page is there, without a word about the link.
async fn looked_at() -> StatusCode {
    StatusCode::NO_CONTENT
}

fn no_link() -> Response {
    let kind = [(CONTENT_TYPE, "text/plain; charset=utf-8")];
    (StatusCode::FORBIDDEN, kind, NO_LINK).into_response()
}

/// Takes a link that works once, and gives the browser the cookie and the key. One that has them already goes to its page.
async fn open(
    State(page): State<Arc<PageHost>>,
    Path(link): Path<String>,
    headers: HeaderMap,
) -> Response {
    if !page.access.use_link(&link) {
        let is_in = page.has_cookie(&headers);
        return if is_in { Redirect::to("/").into_response() } else { no_link() };
    }
    let cookie = format!(
        "{}={}; Path=/; HttpOnly; SameSite=Strict",
        page.cookie_name(),
        page.access.cookie()
    );
    // The part behind the number sign is not sent to any server.
    let to = format!("/#{}", page.access.key());
    (StatusCode::SEE_OTHER, [(SET_COOKIE, cookie), (LOCATION, to)]).into_response()
}

/// Begins the websocket of a tab.
async fn live(
    State(page): State<Arc<PageHost>>,
    ConnectInfo(browser): ConnectInfo<Browser>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if !page.is_own_origin(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let has_cookie = page.has_cookie(&headers);
    let upgrade = upgrade.max_message_size(MAX_SAID).max_frame_size(MAX_SAID);
    upgrade.on_upgrade(move |socket| serve_tab(socket, page, browser, has_cookie))
}

/// Does what the person asks for.
async fn act(
    State(page): State<Arc<PageHost>>,
    ConnectInfo(browser): ConnectInfo<Browser>,
    Path(action): Path<String>,
    request: Request,
) -> Response {
    let headers = request.headers().clone();
    let key = headers.get(KEY).and_then(|key| key.to_str().ok());
    let has_key = key.is_some_and(|key| page.access.is_key(key));
    if !page.is_own_origin(&headers) || !page.has_cookie(&headers) || !has_key {
        return StatusCode::FORBIDDEN.into_response();
    }
    browser.is_known();
    // Only now, so that nobody else has anything kept here.
    let body = match Bytes::from_request(request, &()).await {
        Ok(body) => body,
        Err(refusal) => return refusal.into_response(),
    };
    let done = actions::act(&page, &action, &headers, body).await;
    done.unwrap_or_else(IntoResponse::into_response)
}
