//! The next frame for the hub: what has to be said first, then messages, sealed as they go.

use std::time::Instant;

use bytes::Bytes;
use junction_shared::protocol::codec::encode;
use junction_shared::protocol::handshake::GroupKeys;
use junction_shared::protocol::wire::{Envelope, Header, Kind, ToHub};

use super::Session;
use crate::clock::wall_ms;
use crate::outbox::{Step, Unsealed};
use crate::peers::Directory;
use crate::seal::{Broken, Identity, ReceiptKey, seal};

impl Session {
    /// Whether [`Session::next_frame`] has one.
    pub fn has_frame(&mut self, now: Instant) -> bool {
        self.connected && (!self.control.is_empty() || self.outbox.has_next(now))
    }

    /// The next frame to write. A message counts as handed over by this call.
    pub fn next_frame(&mut self, now: Instant) -> Option<Bytes> {
        if !self.connected {
            return None;
        }
        if let Some(frame) = self.control.pop_front() {
            return Some(encode(&frame));
        }
        loop {
            let group = self.group.as_deref()?;
            let message = match self.outbox.next(now)? {
                Step::HandOver(send) => return Some(encode(&ToHub::Send(send))),
                Step::Seal(message) => message,
            };
            let id = message.id;
            match seal_message(&message, &mut self.peers, group, &self.me) {
                Ok((envelope, key)) => self.outbox.sealed(envelope, key, now),
                Err(Broken) => {
                    self.outbox.unsealable(id);
                    self.tell_ends();
                }
            }
        }
    }
}

/// Seals a message to the newest card of its receiver.
fn seal_message(
    message: &Unsealed<'_>,
    peers: &mut Directory,
    group: &GroupKeys,
    me: &Identity,
) -> Result<(Envelope, ReceiptKey), Broken> {
    let (epoch, keys) = peers.sealing_keys(&message.to, group, me)?;
    let header = Header {
        group: group.group,
        id: message.id,
        from: me.key,
        to: message.to,
        epoch,
        enc: keys.enc,
        seq: message.seq,
        sent_ms: wall_ms(),
        ttl_ms: u64::try_from(message.ttl.as_millis()).unwrap_or(u64::MAX),
        kind: Kind::Text,
    };
    let sealed = seal(&keys, &header, message.plain)?;
    Ok((Envelope { header, sealed }, keys.receipt_key()))
}
