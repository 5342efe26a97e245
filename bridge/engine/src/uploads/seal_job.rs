//! Chunks that are read and sealed, on a thread of their own.

use std::io::{self, Read as _};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use junction_shared::protocol::wire::TransferId;

use crate::attachment::{Content, Source, read_chunk};
use crate::seal::{ChunkCipher, ChunkTag};

/// Chunks to read and seal. It blocks, and so runs on a thread of its own.
pub struct SealJob {
    pub(super) transfer: TransferId,
    pub(super) connection: u64,
    pub(super) source: Arc<dyn Source>,
    pub(super) cipher: Arc<ChunkCipher>,
    pub(super) tags: Arc<[ChunkTag]>,
    pub(super) content: Option<(Content, u32)>,
    pub(super) chunks: Range<u32>,
}

/// What came of a [`SealJob`].
pub struct SealedChunks {
    pub(super) transfer: TransferId,
    pub(super) connection: u64,
    pub(super) first: u32,
    pub(super) chunks: Vec<Bytes>,
    /// The content, for the next job; an error if it is not what was sent.
    pub(super) content: Result<Content, Changed>,
}

/// What is read again is not what was sent, or cannot be read any more.
pub(super) struct Changed;

impl SealJob {
    /// Reads and seals.
    pub fn run(self) -> SealedChunks {
        let (transfer, connection, first) = (self.transfer, self.connection, self.chunks.start);
        let mut chunks = Vec::with_capacity(self.chunks.len());
        let content = self.seal(&mut chunks);
        SealedChunks { transfer, connection, first, chunks, content }
    }

    fn seal(self, chunks: &mut Vec<Bytes>) -> Result<Content, Changed> {
        let Self { source, cipher, tags, content, chunks: range, .. } = self;
        let mut content = match content {
            Some((content, at)) if at == range.start => content,
            _ => {
                let mut content = source.open().map_err(|_| Changed)?;
                let before: u64 = (0..range.start).map(|at| cipher.len_of(at) as u64).sum();
                let passed = io::copy(&mut (&mut content).take(before), &mut io::sink());
                passed.map_err(|_| Changed)?;
                content
            }
        };
        let all = cipher.chunks();
        for position in range {
            let chunk = read_chunk(&mut content, cipher.len_of(position)).map_err(|_| Changed)?;
            let tag = tags.get(position as usize);
            chunks.push(cipher.seal(position, chunk, tag).map_err(|_| Changed)?.into());
            if position + 1 == all && !read_chunk(&mut content, 1).map_err(|_| Changed)?.is_empty()
            {
                return Err(Changed);
            }
        }
        Ok(content)
    }
}
