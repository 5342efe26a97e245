//! A sealed message with the clear header that routes it.

use bytes::Bytes;
use minicbor::{Decode, Encode};

use crate::protocol::id::{Epoch, GroupId, MessageId, PeerKey, Seq};

/// One sealed message with its clear header.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Envelope {
    /// The clear header, bound to the ciphertext.
    #[n(0)]
    pub header: Header,
    /// AES-256-GCM ciphertext and tag.
    #[cbor(n(1), with = "sealed_bytes")]
    pub sealed: Bytes,
}

/// The clear header of an envelope, bound to the ciphertext as associated data.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Header {
    /// The group.
    #[n(0)]
    pub group: GroupId,
    /// The message's id.
    #[n(1)]
    pub id: MessageId,
    /// The sender.
    #[n(2)]
    pub from: PeerKey,
    /// The receiver.
    #[n(3)]
    pub to: PeerKey,
    /// The epoch of the receiver's card that it is sealed to.
    #[n(4)]
    pub epoch: Epoch,
    /// The encapsulated key of HPKE.
    #[cbor(n(5), with = "minicbor::bytes")]
    pub enc: [u8; 32],
    /// The message's position in the order from this sender to this receiver.
    #[n(6)]
    pub seq: Seq,
    /// The sender's wall clock when it was sealed, for display only: milliseconds since 1970.
    #[n(7)]
    pub sent_ms: u64,
    /// The time to live that was left at sealing, in milliseconds.
    #[n(8)]
    pub ttl_ms: u64,
    /// The kind of content.
    #[n(9)]
    pub kind: Kind,
}

/// The kind of an envelope's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Kind {
    /// A text message.
    #[n(1)]
    Text = 1,
}

/// `Bytes` as a CBOR byte string.
pub(super) mod sealed_bytes {
    use bytes::Bytes;
    use minicbor::encode::{self as enc, Write};
    use minicbor::{Decoder, Encoder, decode as dec};

    pub(in super::super) fn encode<C, W: Write>(
        sealed: &Bytes,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), enc::Error<W::Error>> {
        e.bytes(sealed)?.ok()
    }

    pub(in super::super) fn decode<C>(d: &mut Decoder<'_>, _: &mut C) -> Result<Bytes, dec::Error> {
        d.bytes().map(Bytes::copy_from_slice)
    }
}
