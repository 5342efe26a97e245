//! The bridge without its client, its files and its sockets. Simulations drive it by a clock and a network of
//! their own; it is the code that the binary runs.

mod machine;
mod node;

pub use machine::{Machine, Search, Sending};
pub use node::Node;

pub use junction_engine::Status;
pub use junction_engine::transport::dial::Dialer;
use junction_engine::{self as engine, Lease};
use junction_shared::protocol::id::MessageId;

/// What one read gave. Dropped, all of it is given back, as if its answer had never been written.
pub struct Page {
    /// Messages, in the order in which they are read.
    pub messages: Vec<Message>,
    /// Ends of messages that were sent.
    pub ends: Vec<(MessageId, Status)>,
    lease: Lease,
}

/// A message that was read.
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// Who sent it.
    pub from: String,
    /// What it says.
    pub text: String,
}

impl Page {
    /// The answer was written: what it holds is read.
    pub fn written(self) {
        self.lease.settle();
    }
}

impl From<engine::MailPage> for Page {
    fn from(page: engine::MailPage) -> Self {
        let message = |message: engine::Message| Message {
            id: message.id,
            from: message.from.to_string(),
            text: message.body.to_string(),
        };
        Self {
            messages: page.messages.into_iter().map(message).collect(),
            ends: page.receipts.into_iter().map(|end| (end.id, end.status)).collect(),
            lease: page.lease,
        }
    }
}
