//! The chunks of an attachment, by STREAM (Hoang, Reyhanitabar, Rogaway, Vizár: Online Authenticated-Encryption and its
//! Nonce-Reuse Misuse-Resistance, <https://eprint.iacr.org/2015/189>), in the form with a counter of 32 bits and a flag on
//! the last chunk.
//!
//! ```text
//! F        the file key of a message, 32 random bytes inside its sealed text
//! key      HKDF-Expand(F, "attachment" ‖ number, 32)                                 RFC 5869
//! chunk    AES-256-GCM(key, nonce 0 (7 bytes) ‖ position ‖ is last, aad, plaintext)  NIST SP 800-38D
//! aad      "aj1 attachment" ‖ version ‖ number ‖ SHA-256(manifest)
//! ```
//!
//! One key seals one attachment once. A position is sealed again only to send the same chunk again: whoever seals keeps the
//! tag of each, and what gives another tag is thrown away ([`ChunkCipher::seal`]).

use aead_stream::{NewStream, StreamBE32, StreamPrimitive};
use aes_gcm::Aes256Gcm;
use hkdf::Hkdf;
use junction_shared::protocol::crypto::{derive, mac, mac_holds};
use junction_shared::protocol::limits::{CHUNK, MAX_SEALED_CHUNK};
use junction_shared::protocol::wire::{AttachmentEnd, AttachmentReceipt, TransferId, VERSION};
use junction_shared::secret::Secret;
use sha2::{Digest, Sha256};
use zeroize::zeroize_stack;

use super::plain::{Broken, TAG};

/// Stack wiped after a call: more than the deepest of them uses.
const STACK: usize = 16 * 1024;
/// What the last chunk of an attachment is padded to: a hub learns one of five classes of its length.
const PADDED: [usize; 5] = [256, 1024, 4096, 16 * 1024, CHUNK];

/// The tag of a sealed chunk.
pub type ChunkTag = [u8; TAG];

/// The number of chunks of an attachment of so many bytes.
pub fn chunk_count(bytes: u64) -> u32 {
    let count = bytes.div_ceil(CHUNK as u64).max(1);
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// The cipher of one attachment.
pub struct ChunkCipher {
    stream: Box<StreamBE32<Aes256Gcm>>,
    aad: Vec<u8>,
    /// The length of the attachment in bytes.
    bytes: u64,
}

impl ChunkCipher {
    /// The cipher of the attachment of this number and length, in a message with this file key and manifest.
    pub fn new(file_key: &Secret, manifest: &[u8], number: u8, bytes: u64) -> Self {
        let stream = stream(file_key, number);
        zeroize_stack::<STACK>();
        let mut aad = Vec::with_capacity(64);
        aad.extend_from_slice(b"aj1 attachment");
        aad.extend_from_slice(&VERSION.to_be_bytes());
        aad.push(number);
        aad.extend_from_slice(&Sha256::digest(manifest));
        Self { stream, aad, bytes }
    }

    /// The number of chunks.
    pub fn chunks(&self) -> u32 {
        chunk_count(self.bytes)
    }

    /// The bytes of the attachment in a chunk.
    pub fn len_of(&self, position: u32) -> usize {
        let before = u64::from(position) * CHUNK as u64;
        usize::try_from(self.bytes.saturating_sub(before)).unwrap_or(CHUNK).min(CHUNK)
    }

    fn is_last(&self, position: u32) -> bool {
        position + 1 == self.chunks()
    }

    /// The length of a chunk's plaintext with its padding.
    fn padded_len(&self, position: u32) -> usize {
        let length = self.len_of(position);
        PADDED.into_iter().find(|size| *size >= length).unwrap_or(CHUNK)
    }

    /// Seals the chunk of this position, which has [`ChunkCipher::len_of`] bytes. Its tag comes last. If the chunk was
    /// sealed before, `tag` is its tag then: another plaintext under the same key and nonce would show both, so nothing of
    /// it is given out.
    ///
    /// # Errors
    /// [`Broken`] if the chunk has another length or another content than before.
    pub fn seal(
        &self,
        position: u32,
        mut chunk: Vec<u8>,
        tag: Option<&ChunkTag>,
    ) -> Result<Vec<u8>, Broken> {
        if position >= self.chunks() || chunk.len() != self.len_of(position) {
            return Err(Broken);
        }
        chunk.reserve_exact(self.padded_len(position) + TAG - chunk.len());
        chunk.resize(self.padded_len(position), 0);
        let sealed =
            self.stream.encrypt_in_place(position, self.is_last(position), &self.aad, &mut chunk);
        zeroize_stack::<STACK>();
        sealed.map_err(|_| Broken)?;
        if tag.is_some_and(|tag| chunk[chunk.len() - TAG..] != *tag) {
            return Err(Broken);
        }
        Ok(chunk)
    }

    /// Opens the sealed chunk of this position.
    ///
    /// # Errors
    /// [`Broken`] if it is not what the sender sealed there.
    pub fn open(&self, position: u32, mut sealed: Vec<u8>) -> Result<Vec<u8>, Broken> {
        if position >= self.chunks()
            || sealed.len() > MAX_SEALED_CHUNK
            || sealed.len() != self.padded_len(position) + TAG
        {
            return Err(Broken);
        }
        let opened =
            self.stream.decrypt_in_place(position, self.is_last(position), &self.aad, &mut sealed);
        zeroize_stack::<STACK>();
        opened.map_err(|_| Broken)?;
        let length = self.len_of(position);
        if sealed[length..].iter().any(|byte| *byte != 0) {
            return Err(Broken);
        }
        sealed.truncate(length);
        Ok(sealed)
    }
}

/// The STREAM of one attachment. In a function of its own, so that its caller can wipe the stack that held the key.
#[inline(never)]
fn stream(file_key: &Secret, number: u8) -> Box<StreamBE32<Aes256Gcm>> {
    let key = Secret::filled(|key| {
        #[expect(
            clippy::expect_used,
            reason = "a key of 32 bytes is a valid PRK, 32 bytes a valid length"
        )]
        Hkdf::<Sha256>::from_prk(file_key.expose())
            .and_then(|hkdf| {
                hkdf.expand_multi_info(&[b"attachment", &[number]], key)
                    .map_err(|_| hkdf::InvalidPrkLength)
            })
            .expect("32 bytes in, 32 bytes out");
    });
    Box::new(StreamBE32::new(key.expose().into(), &Default::default()))
}

/// The tag of a sealed chunk; nothing if it is too short.
pub fn tag_of(sealed: &[u8]) -> Option<ChunkTag> {
    sealed.last_chunk().copied()
}

/// The receipt for an attachment, which only the two of the pair can make.
pub fn attachment_receipt(
    psk: &Secret,
    transfer: TransferId,
    kind: AttachmentEnd,
) -> AttachmentReceipt {
    let TransferId { message, attachment, .. } = &transfer;
    let mac = mac(attachment_key(psk).expose(), &[&[kind as u8, *attachment], &message.0]);
    AttachmentReceipt { transfer, kind, mac }
}

/// Whether the receipt for an attachment is from the other half of the pair.
pub fn attachment_receipt_holds(psk: &Secret, receipt: &AttachmentReceipt) -> bool {
    let TransferId { message, attachment, .. } = &receipt.transfer;
    let parts: [&[u8]; 2] = [&[receipt.kind as u8, *attachment], &message.0];
    mac_holds(attachment_key(psk).expose(), &parts, &receipt.mac)
}

fn attachment_key(psk: &Secret) -> Secret {
    derive(&[], psk.expose(), b"attachment")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &[u8] = b"manifest";

    fn file_key(seed: u8) -> Secret {
        Secret::filled(|key| key.fill(seed))
    }

    fn cipher(bytes: usize) -> ChunkCipher {
        ChunkCipher::new(&file_key(1), MANIFEST, 1, bytes as u64)
    }

    fn content(bytes: usize) -> Vec<u8> {
        (0..bytes).map(|at| (at % 251).to_le_bytes()[0]).collect()
    }

    fn sealed(bytes: usize) -> Vec<Vec<u8>> {
        let cipher = cipher(bytes);
        let content = content(bytes);
        let chunk = |position: u32| {
            let start = position as usize * CHUNK;
            content[start..start + cipher.len_of(position)].to_vec()
        };
        (0..cipher.chunks()).map(|at| cipher.seal(at, chunk(at), None).unwrap()).collect()
    }

    #[test]
    fn chunks_of_every_size_open_to_what_was_sealed() {
        for bytes in [0, 1, 255, 256, 257, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 7] {
            let (cipher, sealed) = (cipher(bytes), sealed(bytes));
            let opened = sealed.into_iter().zip(0..);
            let opened: Vec<u8> =
                opened.flat_map(|(chunk, at)| cipher.open(at, chunk).unwrap()).collect();
            assert_eq!(opened, content(bytes), "{bytes}");
        }
    }

    #[test]
    fn length_of_a_short_value_does_not_show() {
        let lengths: Vec<_> = [0, 1, 40, 256].map(|bytes| sealed(bytes)[0].len()).into();
        assert_eq!(lengths, [256 + TAG; 4]);
    }

    #[test]
    fn chunks_that_are_cut_moved_doubled_added_or_foreign_are_refused() {
        let bytes = 2 * CHUNK + 300;
        let (cipher, chunks) = (cipher(bytes), sealed(bytes));
        let open = |at: u32, chunk: &[u8]| cipher.open(at, chunk.to_vec()).is_ok();
        assert!(open(0, &chunks[0]) && open(1, &chunks[1]) && open(2, &chunks[2]));
        // Moved, and doubled.
        assert!(!open(1, &chunks[0]) && !open(0, &chunks[1]) && !open(1, &chunks[2]));
        // The last one too early, as a shorter attachment would have it.
        let shorter = self::cipher(CHUNK + 300);
        assert!(shorter.open(1, chunks[2].clone()).is_err());
        // Behind the last.
        assert!(!open(3, &chunks[2]) && !open(u32::MAX - 1, &chunks[2]));
        // Cut and extended.
        assert!(!open(0, &chunks[0][..CHUNK]) && !open(0, &[]));
        assert!(!open(0, &[chunks[0].as_slice(), &[0]].concat()));
        // Any bit.
        for at in [0, 1, CHUNK / 2, CHUNK, CHUNK + TAG - 1] {
            let mut flipped = chunks[0].clone();
            flipped[at] ^= 1;
            assert!(!open(0, &flipped), "{at}");
        }
        // Of another key, manifest, number or length.
        let others = [
            ChunkCipher::new(&file_key(2), MANIFEST, 1, bytes as u64),
            ChunkCipher::new(&file_key(1), b"another", 1, bytes as u64),
            ChunkCipher::new(&file_key(1), MANIFEST, 2, bytes as u64),
        ];
        assert!(others.iter().all(|other| other.open(0, chunks[0].clone()).is_err()));
        let longer = ChunkCipher::new(&file_key(1), MANIFEST, 1, bytes as u64 + 1);
        assert!(longer.open(2, chunks[2].clone()).is_err() || longer.len_of(2) == 301);
    }

    #[test]
    fn padding_is_nothing_but_zeros() {
        let cipher = cipher(3);
        let honest = cipher.seal(0, vec![1, 2, 3], None).unwrap();
        assert_eq!(cipher.open(0, honest), Ok(vec![1, 2, 3]));
        // The same padded length, sealed for one byte less.
        let hidden = self::cipher(4).seal(0, vec![1, 2, 3, 4], None).unwrap();
        assert_eq!(cipher.open(0, hidden), Err(Broken));
    }

    #[test]
    fn position_is_sealed_to_one_content_only() {
        let cipher = cipher(3);
        let first = cipher.seal(0, vec![1, 2, 3], None).unwrap();
        let tag = tag_of(&first).unwrap();
        assert_eq!(cipher.seal(0, vec![1, 2, 3], Some(&tag)), Ok(first));
        assert_eq!(cipher.seal(0, vec![1, 2, 4], Some(&tag)), Err(Broken));
        assert_eq!(cipher.seal(0, vec![1, 2], Some(&tag)), Err(Broken));
        assert_eq!(cipher.seal(1, vec![], None), Err(Broken));
    }

    #[test]
    fn receipt_holds_for_its_attachment_and_pair_alone() {
        use junction_shared::protocol::id::{MessageId, PeerKey};
        let transfer = TransferId {
            from: PeerKey([1; 32]),
            to: PeerKey([2; 32]),
            message: MessageId([3; 16]),
            attachment: 4,
        };
        let receipt = attachment_receipt(&file_key(1), transfer, AttachmentEnd::Saved);
        assert!(attachment_receipt_holds(&file_key(1), &receipt));
        assert!(!attachment_receipt_holds(&file_key(2), &receipt));
        for forged in [
            AttachmentReceipt { kind: AttachmentEnd::Expired, ..receipt.clone() },
            AttachmentReceipt {
                transfer: TransferId { attachment: 5, ..transfer },
                ..receipt.clone()
            },
            AttachmentReceipt {
                transfer: TransferId { message: MessageId([4; 16]), ..transfer },
                ..receipt.clone()
            },
        ] {
            assert!(!attachment_receipt_holds(&file_key(1), &forged));
        }
    }
}
