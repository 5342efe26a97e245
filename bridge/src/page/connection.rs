//! The websocket of one tab: the page says who it is, and whether it can be seen, and is told what there is.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use serde::Deserialize;
use tokio::time::timeout;

use super::host::PageHost;
use super::inbox::InSight;
use super::own_listener::Browser;
use super::tabs::Tab;

/// How long a page may take to show its key.
const KEY_TIME: Duration = Duration::from_secs(5);
/// How long a page may take to read a frame.
const READ_TIME: Duration = Duration::from_secs(10);
/// The longest message of a page, in bytes. It says which messages were shown.
pub(crate) const MAX_SAID: usize = 64 * 1024;
/// Why a websocket is closed: the key or the cookie is wrong, the tab was too slow, or there are too many tabs.
pub(crate) const STRANGER: u16 = 4401;
const TOO_SLOW: u16 = 4408;
const TOO_MANY: u16 = 4429;

/// What a page says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Said {
    /// Whether a person can see the tab.
    visible: Option<bool>,
    /// What has come into sight, or left it.
    in_sight: Option<InSight>,
}

/// Serves a tab until its websocket is closed.
pub(super) async fn serve_tab(
    mut socket: WebSocket,
    page: Arc<PageHost>,
    browser: Browser,
    has_cookie: bool,
) {
    let key = timeout(KEY_TIME, socket.recv()).await;
    let Ok(Some(Ok(Message::Text(key)))) = key else { return };
    if !has_cookie || !page.access.is_key(&key) {
        return close(socket, STRANGER).await;
    }
    browser.is_known();
    let Some(mut tab) = page.live.tabs.open() else { return close(socket, TOO_MANY).await };
    talk(socket, &page, &mut tab).await;
    page.inbox.is_out_of_sight(tab.number());
}

/// Tells a tab what there is, and hears what it says, until its websocket is closed.
async fn talk(mut socket: WebSocket, page: &PageHost, tab: &mut Tab) {
    loop {
        tokio::select! {
            frame = tab.frames.recv() => {
                let Some(frame) = frame else { return close(socket, TOO_SLOW).await };
                if !write(&mut socket, frame.as_ref().into()).await {
                    return;
                }
            }
            said = socket.recv() => {
                let Some(Ok(said)) = said else { return };
                if let Message::Text(said) = said
                    && !hear(&mut socket, page, tab, &said).await
                {
                    return;
                }
            }
        }
    }
}

/// Takes in what the page says. Returns whether it still listens.
async fn hear(socket: &mut WebSocket, page: &PageHost, tab: &mut Tab, said: &str) -> bool {
    let Said { visible, in_sight } = serde_json::from_str(said).unwrap_or_default();
    if let Some(in_sight) = in_sight.filter(|_| tab.is_visible()) {
        page.inbox.hear(tab.number(), &in_sight);
    }
    let Some(is_visible) = visible else { return true };
    if !is_visible {
        page.inbox.is_out_of_sight(tab.number());
    }
    for frame in page.live.tab_is_visible(tab, is_visible) {
        if !write(socket, frame.into()).await {
            return false;
        }
    }
    true
}

async fn write(socket: &mut WebSocket, text: axum::extract::ws::Utf8Bytes) -> bool {
    matches!(timeout(READ_TIME, socket.send(Message::Text(text))).await, Ok(Ok(())))
}

async fn close(mut socket: WebSocket, code: u16) {
    let frame = CloseFrame { code, reason: axum::extract::ws::Utf8Bytes::default() };
    let _ = timeout(READ_TIME, socket.send(Message::Close(Some(frame)))).await;
}
