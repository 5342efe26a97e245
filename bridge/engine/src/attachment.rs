//! Attachments: what a message carries beside its text, as its sender reads it and as its receiver sees it.

use std::io::{self, Read};
use std::sync::Arc;

use junction_shared::protocol::codec::{decode, encode};
use junction_shared::protocol::limits::{
    CHUNK, MAX_ATTACHMENT, MAX_ATTACHMENT_NAME, MAX_ATTACHMENTS, MAX_VALUE,
};
use junction_shared::protocol::wire::{AttachmentKind, Manifest, ManifestEntry};
use junction_shared::secret::Secret;
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use crate::seal::{ChunkCipher, ChunkTag, SealedManifest, tag_of};
use crate::upload_progress::{ProgressReport, UploadProgress};

/// The content of an attachment at its sender. It is read more than once: before the message is sent, when the hub asks for
/// it, and again after a hub or receiver was restarted.
pub trait Source: Send + Sync {
    /// Opens the content from its start. This may block.
    ///
    /// # Errors
    /// The content cannot be read any more, or must not.
    fn open(&self) -> io::Result<Content>;
}

/// The opened content of an attachment.
pub type Content = Box<dyn Read + Send>;

/// What a face wants to attach.
pub struct Attachment {
    /// The name that the receiver sees.
    pub name: String,
    /// What the attachment is.
    pub kind: AttachmentKind,
    /// The content.
    pub source: Arc<dyn Source>,
}

/// Why something cannot be attached, and the place of it among the attachments of its message, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrepareError {
    /// Which attachment it is.
    pub at: usize,
    /// Why.
    pub why: Unattachable,
}

/// Why something cannot be attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unattachable {
    /// The content cannot be read.
    Unreadable(io::ErrorKind),
    /// The content is larger than an attachment of its kind may be, in bytes.
    TooLarge {
        /// The most bytes.
        limit: u64,
    },
    /// The content changed while it was read.
    Changed,
    /// There are more attachments than a message may have.
    TooMany,
    /// The name is empty or too long.
    BadName,
}

/// An attachment as its receiver and its sender see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachmentInfo {
    /// The number in the message, from 1.
    pub number: u8,
    /// The name. A peer wrote it.
    pub name: String,
    /// What the attachment is.
    pub kind: AttachmentKind,
    /// The length in bytes.
    pub bytes: u64,
    /// The SHA-256 of a file.
    pub sha256: Option<[u8; 32]>,
}

/// The attachments of one message, read once and ready to be sealed.
pub struct PreparedAttachments {
    pub(crate) manifest: SealedManifest,
    pub(crate) attachments: Vec<PreparedAttachment>,
    pub(crate) report: ProgressReport,
}

/// One attachment, ready to be sealed.
pub(crate) struct PreparedAttachment {
    pub(crate) source: Arc<dyn Source>,
    pub(crate) cipher: Arc<ChunkCipher>,
    /// The tags of all chunks: what is sealed later has to have the same.
    pub(crate) tags: Arc<[ChunkTag]>,
}

impl PreparedAttachments {
    /// Reads these attachments and makes the key that they are sealed with. This blocks.
    ///
    /// # Errors
    /// [`PrepareError`] about the first that cannot be attached.
    pub fn read(attachments: Vec<Attachment>) -> Result<Self, PrepareError> {
        if attachments.len() > MAX_ATTACHMENTS {
            return Err(PrepareError { at: MAX_ATTACHMENTS, why: Unattachable::TooMany });
        }
        let failed = |at| move |why| PrepareError { at, why };
        let mut entries = Vec::new();
        for (at, attachment) in attachments.iter().enumerate() {
            entries.push(entry(attachment).map_err(failed(at))?);
        }
        let manifest: Arc<[u8]> =
            encode(&Manifest { attachments: entries.clone() }).to_vec().into();
        let key = Arc::new(Secret::random());
        let mut prepared = Vec::new();
        for (at, (attachment, entry)) in attachments.into_iter().zip(entries).enumerate() {
            let number = number_of(at);
            let cipher = Arc::new(ChunkCipher::new(&key, &manifest, number, entry.bytes));
            let tags = tags(&*attachment.source, &cipher, entry.sha256).map_err(failed(at))?;
            prepared.push(PreparedAttachment { source: attachment.source, cipher, tags });
        }
        let manifest = SealedManifest { manifest, key, repeats: None };
        let report = ProgressReport::new(prepared.len());
        Ok(Self { manifest, attachments: prepared, report })
    }

    /// How far each of them has come, in their order, once the message is sent. The channel closes where the message is
    /// not sent.
    pub fn progress(&self) -> watch::Receiver<Vec<UploadProgress>> {
        self.report.watch()
    }

    /// The attachments as the receiver will see them.
    pub fn infos(&self) -> Vec<AttachmentInfo> {
        infos_of(&self.manifest.manifest).unwrap_or_default()
    }
}

/// The attachments in a manifest, if all of them keep to the limits.
pub(crate) fn infos_of(manifest: &[u8]) -> Option<Vec<AttachmentInfo>> {
    let Manifest { attachments } = decode(manifest).ok()?;
    if attachments.is_empty() || attachments.len() > MAX_ATTACHMENTS {
        return None;
    }
    let infos = attachments.into_iter().enumerate().map(|(at, entry)| {
        let ManifestEntry { name, kind, bytes, sha256 } = entry;
        let is_named = (1..=MAX_ATTACHMENT_NAME).contains(&name.len());
        let is_hashed = sha256.is_some() == (kind == AttachmentKind::File);
        let is_fit = is_named && is_hashed && bytes <= limit_of(kind);
        is_fit.then(|| AttachmentInfo { number: number_of(at), name, kind, bytes, sha256 })
    });
    infos.collect()
}

/// The number of an attachment by its place.
fn number_of(at: usize) -> u8 {
    u8::try_from(at + 1).unwrap_or(u8::MAX)
}

/// The most bytes of an attachment.
fn limit_of(kind: AttachmentKind) -> u64 {
    match kind {
        AttachmentKind::File => MAX_ATTACHMENT,
        AttachmentKind::Value => MAX_VALUE as u64,
    }
}

/// Reads an attachment for its length and hash.
fn entry(attachment: &Attachment) -> Result<ManifestEntry, Unattachable> {
    let Attachment { name, kind, source } = attachment;
    if !(1..=MAX_ATTACHMENT_NAME).contains(&name.len()) {
        return Err(Unattachable::BadName);
    }
    let mut content = source.open().map_err(|error| unreadable(&error))?;
    let (mut bytes, mut hash) = (0, Sha256::new());
    loop {
        let chunk = read_chunk(&mut content, CHUNK).map_err(|error| unreadable(&error))?;
        bytes += chunk.len() as u64;
        let limit = limit_of(*kind);
        if bytes > limit {
            return Err(Unattachable::TooLarge { limit });
        }
        if *kind == AttachmentKind::File {
            hash.update(&chunk);
        }
        if chunk.len() < CHUNK {
            break;
        }
    }
    let sha256 = (*kind == AttachmentKind::File).then(|| hash.finalize().into());
    Ok(ManifestEntry { name: name.clone(), kind: *kind, bytes, sha256 })
}

/// Seals all chunks for their tags alone.
fn tags(
    source: &dyn Source,
    cipher: &ChunkCipher,
    sha256: Option<[u8; 32]>,
) -> Result<Arc<[ChunkTag]>, Unattachable> {
    let mut content = source.open().map_err(|error| unreadable(&error))?;
    let mut hash = Sha256::new();
    let mut tags = Vec::with_capacity(cipher.chunks() as usize);
    for position in 0..cipher.chunks() {
        let chunk = read_chunk(&mut content, cipher.len_of(position))
            .map_err(|error| unreadable(&error))?;
        if sha256.is_some() {
            hash.update(&chunk);
        }
        let sealed = cipher.seal(position, chunk, None).map_err(|_| Unattachable::Changed)?;
        tags.push(tag_of(&sealed).ok_or(Unattachable::Changed)?);
    }
    let is_same = sha256.is_none_or(|sha256| hash.finalize()[..] == sha256);
    let ends = read_chunk(&mut content, 1).map_err(|error| unreadable(&error))?.is_empty();
    if is_same && ends { Ok(tags.into()) } else { Err(Unattachable::Changed) }
}

fn unreadable(error: &io::Error) -> Unattachable {
    Unattachable::Unreadable(error.kind())
}

/// Reads so many bytes, or fewer at the end.
pub(crate) fn read_chunk(content: &mut Content, length: usize) -> io::Result<Vec<u8>> {
    let mut chunk = Vec::with_capacity(length);
    content.take(length as u64).read_to_end(&mut chunk)?;
    Ok(chunk)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Cursor;
    use std::sync::Mutex;

    use super::*;

    /// Content that a test can change.
    pub(crate) struct TestSource(pub(crate) Mutex<Vec<u8>>);

    impl TestSource {
        pub(crate) fn new(content: impl Into<Vec<u8>>) -> Arc<Self> {
            Arc::new(Self(Mutex::new(content.into())))
        }
    }

    impl Source for TestSource {
        fn open(&self) -> io::Result<Content> {
            Ok(Box::new(Cursor::new(self.0.lock().unwrap().clone())))
        }
    }

    pub(crate) fn file(name: &str, content: impl Into<Vec<u8>>) -> Attachment {
        let source = TestSource::new(content);
        Attachment { name: name.to_owned(), kind: AttachmentKind::File, source }
    }

    pub(crate) fn value(name: &str, content: &str) -> Attachment {
        Attachment { kind: AttachmentKind::Value, ..file(name, content) }
    }

    #[test]
    fn files_have_a_hash_and_values_none() {
        let prepared = PreparedAttachments::read(vec![file("a.txt", "abc"), value("KEY", "abc")]);
        let infos = prepared.unwrap().infos();
        let sha256 = Sha256::digest("abc").into();
        let info = |number, name: &str, kind, sha256| AttachmentInfo {
            number,
            name: name.to_owned(),
            kind,
            bytes: 3,
            sha256,
        };
        let expected = [
            info(1, "a.txt", AttachmentKind::File, Some(sha256)),
            info(2, "KEY", AttachmentKind::Value, None),
        ];
        assert_eq!(infos, expected);
    }

    #[test]
    fn limits_are_kept_and_the_first_that_breaks_one_is_named() {
        let read = |attachments| PreparedAttachments::read(attachments).err();
        let most = usize::try_from(MAX_ATTACHMENT).unwrap();
        assert_eq!(read(vec![file("a", vec![0; most])]), None);
        let error = |at, why| Some(PrepareError { at, why });
        assert_eq!(
            read(vec![file("a", ""), file("b", vec![0; most + 1])]),
            error(1, Unattachable::TooLarge { limit: MAX_ATTACHMENT })
        );
        let long = "x".repeat(MAX_VALUE + 1);
        let limit = MAX_VALUE as u64;
        assert_eq!(read(vec![value("K", &long[1..])]), None);
        assert_eq!(read(vec![value("K", &long)]), error(0, Unattachable::TooLarge { limit }));
        assert_eq!(read(vec![file("", "")]), error(0, Unattachable::BadName));
        assert_eq!(read(vec![file(&long[..151], "")]), error(0, Unattachable::BadName));
        let nine = (0..9).map(|_| file("a", "")).collect();
        assert_eq!(read(nine), error(8, Unattachable::TooMany));
    }

    #[test]
    fn manifest_that_breaks_a_limit_is_none() {
        let entry = |name: &str, kind, bytes, sha256| ManifestEntry {
            name: name.to_owned(),
            kind,
            bytes,
            sha256,
        };
        let file = |bytes| entry("a", AttachmentKind::File, bytes, Some([0; 32]));
        let value = |bytes| entry("a", AttachmentKind::Value, bytes, None);
        let infos = |attachments| infos_of(&encode(&Manifest { attachments }));
        assert!(infos(vec![file(MAX_ATTACHMENT), value(MAX_VALUE as u64)]).is_some());
        for broken in [
            vec![],
            vec![file(MAX_ATTACHMENT + 1)],
            vec![value(MAX_VALUE as u64 + 1)],
            vec![file(0); 9],
            vec![ManifestEntry { sha256: None, ..file(0) }],
            vec![ManifestEntry { sha256: Some([0; 32]), ..value(0) }],
            vec![ManifestEntry { name: String::new(), ..file(0) }],
            vec![ManifestEntry { name: "x".repeat(151), ..file(0) }],
        ] {
            assert_eq!(infos(broken), None);
        }
        assert_eq!(infos_of(b"?"), None);
    }

    #[test]
    fn largest_message_has_room_for_eight_attachments_with_the_longest_names() {
        use crate::hops::Hops;
        use crate::seal::{Plain, tests::fits};
        use junction_shared::protocol::id::{MessageId, SeatKey};
        use junction_shared::protocol::limits::MAX_MESSAGE;

        let eight = (0..8).map(|_| file(&"x".repeat(MAX_ATTACHMENT_NAME), "x")).collect();
        let prepared = PreparedAttachments::read(eight).unwrap();
        let id = MessageId([1; 16]);
        let plain = Plain {
            reply_to: Some(id),
            follows: Some(Hops { chain: id, count: 2 }),
            seat: Some(SeatKey([2; 32])),
            attachments: Some(SealedManifest { repeats: Some(id), ..prepared.manifest }),
            body: "x".repeat(MAX_MESSAGE),
            ..Plain::default()
        };
        assert!(fits(&plain));
    }
}
