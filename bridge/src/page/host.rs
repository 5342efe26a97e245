//! What the page is served from, and which requests are the page's own.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::anyhow;
use axum::http::HeaderMap;
use axum::http::header::{COOKIE, ORIGIN};
use junction_engine::Engine;
use junction_shared::machine::hosts::LOCAL;
use junction_shared::protocol::limits::{MAX_ATTACHMENT, MAX_ATTACHMENTS, MAX_MESSAGE};
use serde_json::json;
use tokio::net::TcpListener;

use super::access::PageAccess;
use super::download::BrowserDownloads;
use super::inbox::PageInbox;
use super::live::LiveScene;
use super::own_sessions::{self, OwnPlace};
use super::uploads::UploadedFiles;
use crate::config::Config;
use crate::ipc::description::shortened;
use crate::person::send_service::SendService;

/// What the page is served from.
pub(crate) struct PageHost {
    pub(crate) access: PageAccess,
    pub(crate) live: LiveScene,
    pub(crate) engine: Engine,
    pub(crate) sends: SendService,
    pub(crate) uploads: UploadedFiles,
    pub(crate) downloads: BrowserDownloads,
    pub(crate) config: Arc<Config>,
    pub(crate) inbox: PageInbox,
    port: u16,
}

impl PageHost {
    /// A server of this page for this person's session, and where it listens: on loopback, at a free port.
    ///
    /// # Errors
    /// No port can be listened at.
    pub(crate) async fn bind(
        config: Arc<Config>,
        engine: Engine,
        sends: SendService,
        live: LiveScene,
    ) -> anyhow::Result<(Arc<Self>, TcpListener)> {
        let failed = |error| anyhow!("The page cannot be served: {error}. Try again.");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        let server = Self {
            access: PageAccess::new(),
            live,
            engine,
            sends,
            uploads: UploadedFiles::default(),
            downloads: BrowserDownloads::default(),
            config,
            inbox: PageInbox::default(),
            port,
        };
        Ok((Arc::new(server), listener))
    }

    /// Says what the page can do.
    pub(crate) fn introduce(&self) {
        let hub = &self.config.hub;
        let is_local = hub == LOCAL;
        self.live.scene(|scene| {
            scene.change_hello(|hello| {
                hello["version"] = env!("CARGO_PKG_VERSION").into();
                hello["hub"] = json!({ "name": hub, "local": is_local, "flow": is_local });
                hello["limits"] = json!({
                    "message": MAX_MESSAGE, "attachment": MAX_ATTACHMENT, "attachments": MAX_ATTACHMENTS,
                });
            });
        });
    }

    /// A new link that opens the page once.
    pub(crate) fn new_link(&self) -> String {
        format!("http://{}/open/{}", self.address(), self.access.new_link())
    }

    /// Lets the next browser in that comes to the address which is returned, if it is one of this user and comes soon. No
    /// secret is in that address.
    pub(crate) fn let_in(&self) -> String {
        self.access.let_in();
        format!("http://{}/start", self.address())
    }

    /// Where the sessions are that the page shows.
    pub(crate) fn place(&self) -> OwnPlace {
        let directory = shortened(&self.config.dir.path().to_string_lossy());
        OwnPlace { directory, hub: shortened(&self.engine.snapshot().hub) }
    }

    /// Shows what has become of the sessions of this user on this machine.
    pub(crate) async fn look_at_own_sessions(&self) {
        own_sessions::look_once(&self.live, &self.place()).await;
    }

    /// Where the page is served.
    pub(super) fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The name of the cookie. Pages at other ports of this machine have cookies of other names.
    pub(super) fn cookie_name(&self) -> String {
        format!("junction-{}", self.port)
    }

    /// Whether a request shows the cookie.
    pub(super) fn has_cookie(&self, headers: &HeaderMap) -> bool {
        let name = self.cookie_name();
        let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let pairs = cookies.flat_map(|cookies| cookies.split(';'));
        let mut pairs = pairs.filter_map(|pair| pair.trim().split_once('='));
        pairs.any(|(cookie, value)| cookie == name && self.access.is_cookie(value))
    }

    /// Whether the page itself made a request, by the header that browsers set.
    pub(super) fn is_own_origin(&self, headers: &HeaderMap) -> bool {
        let origin = format!("http://{}", self.address());
        headers.get(ORIGIN).is_some_and(|value| value.as_bytes() == origin.as_bytes())
    }
}
