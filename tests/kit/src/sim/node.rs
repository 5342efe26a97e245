//! A bridge that dials.

use std::net::SocketAddr;
use std::time::Duration;

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::handshake::GroupKeys;
use junction_shared::protocol::id::MessageId;
use junction_shared::secret::Secret;

use super::{Dialer, Page};
use junction_engine::error::Error;
use junction_engine::hubs::target::HubTarget;
use junction_engine::{Change, Draft, Engine, Lease, PageLimits, Status};

/// The link of one session, as its tools use it.
pub struct Node(Engine);

impl Node {
    /// Starts to dial, in a task of its own, and goes on for ever: over `dialer`, to the hub at this address, as a
    /// member of the group that the join secret makes.
    pub fn start(dialer: impl Dialer, hub: SocketAddr, join_secret: &Secret) -> Self {
        let target = HubTarget::plain("local", hub);
        Self(Engine::start_at(dialer, target, GroupKeys::derive(join_secret)))
    }

    /// Takes an alias, as `register`.
    ///
    /// # Errors
    /// What the agent would be told.
    pub async fn register(&self, alias: &str) -> Result<(), String> {
        let change = Change { alias: Some(parse(alias)?), ..Change::default() };
        self.0.register(change).await.map(drop).map_err(|error| format!("{error:?}"))
    }

    /// Sends, as `send_message`. Its end comes with a [`Page`].
    ///
    /// # Errors
    /// What the agent would be told; the message was not taken, or has ended as refused.
    pub async fn send(&self, to: &str, text: &str) -> Result<MessageId, String> {
        let draft = Draft::new(parse(to)?, text.to_owned());
        let sent = self.0.send_message(draft).await.map_err(|error| format!("{error:?}"))?;
        if let Status::Refused(reason) = sent.status {
            sent.refusal.into_iter().for_each(Lease::settle);
            return Err(format!("{:?}", Error::Refused(reason)));
        }
        Ok(sent.id)
    }

    /// Reads, as `read_messages`.
    ///
    /// # Errors
    /// What the agent would be told.
    pub async fn read(&self, wait: Duration) -> Result<Page, String> {
        self.0
            .read(PageLimits::default(), wait)
            .await
            .map(Into::into)
            .map_err(|error| format!("{error:?}"))
    }

    /// Says goodbye to the hub, as at the end of the process.
    pub async fn stop(self) {
        self.0.stop().await;
    }
}

fn parse(alias: &str) -> Result<Alias, String> {
    Alias::parse(alias).map_err(|_| format!("{alias} is no alias."))
}
