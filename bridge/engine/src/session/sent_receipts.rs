//! The final receipts that this session sent: of messages that were read here, or that expired here.

use std::collections::VecDeque;
use std::time::Instant;

use junction_shared::protocol::limits::INBOX_MESSAGES;
use junction_shared::protocol::wire::Receipt;

/// Receipts kept: those of a full mailbox, which is what can be read while there is no hub, and as many that were
/// on their way when a connection was lost.
const MAX_KEPT: usize = 2 * INBOX_MESSAGES;

/// Final receipts that are sent again on every connection: the hub may have forgotten the message, so that nothing
/// else brings its receipt back, and a receipt that comes twice changes nothing.
#[derive(Default)]
pub(super) struct SentReceipts(VecDeque<(Receipt, Instant)>);

impl SentReceipts {
    /// Keeps a receipt for as long as its sender can be corrected.
    pub(super) fn keep(&mut self, receipt: Receipt, until: Instant) {
        if self.0.len() == MAX_KEPT {
            self.0.pop_front();
        }
        self.0.push_back((receipt, until));
    }

    /// All receipts that still matter, oldest first.
    pub(super) fn all(&mut self, now: Instant) -> Vec<Receipt> {
        self.0.retain(|(_, until)| *until > now);
        self.0.iter().map(|(receipt, _)| receipt.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use junction_shared::protocol::id::{MessageId, PeerKey};
    use junction_shared::protocol::wire::ReceiptKind;

    use super::*;

    fn receipt(number: usize) -> Receipt {
        let id = MessageId(u128::try_from(number).unwrap().to_be_bytes());
        Receipt {
            to: PeerKey([1; 32]),
            id,
            kind: ReceiptKind::Read,
            mac: [0; 32],
            outlook: None,
            seat: None,
        }
    }

    #[test]
    fn receipts_are_kept_until_their_time_and_the_oldest_goes_first() {
        let (mut sent, now) = (SentReceipts::default(), Instant::now());
        let second = Duration::from_secs(1);
        sent.keep(receipt(0), now + second);
        (1..=MAX_KEPT).for_each(|number| sent.keep(receipt(number), now + 2 * second));
        assert_eq!(sent.all(now).len(), MAX_KEPT);
        assert_eq!(sent.all(now)[0].id, receipt(1).id);
        assert!(sent.all(now + 2 * second).is_empty());
    }
}
