//! A session that dials a hub by itself.

use std::net::SocketAddr;
use std::time::Duration;

use junction_engine::error::Error;
use junction_engine::hubs::target::HubTarget;
use junction_engine::transport::dial::Dialer;
use junction_engine::{Change, Draft, Engine, Lease, MailPage, PageLimits, Status};
use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::handshake::GroupKeys;
use junction_shared::protocol::id::MessageId;
use junction_shared::secret::Secret;

/// An engine on a simulated network, used as the tools use it.
pub struct Node(Engine);

impl Node {
    /// Starts an engine that keeps dialing the hub at this address over `dialer`, as a member of the group that the join
    /// secret makes. The pauses between its dials follow from the seed.
    pub fn start(dialer: impl Dialer, hub: SocketAddr, join_secret: &Secret, seed: u64) -> Self {
        let target = HubTarget::plain("local", hub);
        Self(Engine::start_at(dialer, target, GroupKeys::derive(join_secret), seed))
    }

    /// Takes an alias, as `register` does.
    ///
    /// # Errors
    /// The agent's error.
    pub async fn register(&self, alias: &str) -> Result<(), Error> {
        let change = Change { alias: Some(parse(alias)), ..Change::default() };
        self.0.register(change).await.map(drop)
    }

    /// Sends, as `send_message` does. The message's end comes with a [`MailPage`].
    ///
    /// # Errors
    /// The agent's error: the message was not taken, or was refused.
    pub async fn send(&self, to: &str, text: &str) -> Result<MessageId, Error> {
        let draft = Draft::new(parse(to), text.to_owned());
        let sent = self.0.send_message(draft).await?;
        if let Status::Refused(reason) = sent.status {
            sent.refusal.into_iter().for_each(Lease::ack);
            return Err(Error::Refused(reason));
        }
        Ok(sent.id)
    }

    /// Reads, as `read_messages` does.
    ///
    /// # Errors
    /// The agent's error.
    pub async fn read(&self, wait: Duration) -> Result<MailPage, Error> {
        self.0.read(PageLimits::default(), wait).await
    }

    /// Says goodbye to the hub, as at the end of the process.
    pub async fn stop(self) {
        self.0.stop().await;
    }
}

fn parse(alias: &str) -> Alias {
    Alias::parse(alias).expect("an alias")
}
