//! The last receipts of messages that were read or that expired here.

use std::collections::VecDeque;
use std::time::Instant;

use junction_shared::protocol::limits::INBOX_MESSAGES;
use junction_shared::protocol::wire::Receipt;

/// Receipts kept: all of a full mailbox, which is what can be read while there is no hub, and as many that were
/// on their way when a connection was lost.
const MAX_KEPT: usize = 2 * INBOX_MESSAGES;

/// Receipts that are said again on every connection: the hub may have forgotten the message, so that nothing else
/// brings them back, and saying one twice changes nothing.
#[derive(Default)]
pub(super) struct Told(VecDeque<(Receipt, Instant)>);

impl Told {
    /// Keeps a receipt for as long as its sender can be corrected.
    pub(super) fn keep(&mut self, receipt: Receipt, until: Instant) {
        if self.0.len() == MAX_KEPT {
            self.0.pop_front();
        }
        self.0.push_back((receipt, until));
    }

    /// All of them, oldest first.
    pub(super) fn all(&mut self, now: Instant) -> Vec<Receipt> {
        self.0.retain(|(_, until)| *until > now);
        self.0.iter().map(|(receipt, _)| receipt.clone()).collect()
    }
}
