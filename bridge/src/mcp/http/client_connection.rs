//! A connection of a client, watched for what shows that an answer has arrived.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::proof::AnswerProof;

/// Bytes that are read at once from a client that has been sent its last answer.
const SCRAP: usize = 1024;

/// The bytes after the content of a chunk (RFC 9112 §7.1).
const CHUNK_END: usize = 2;

/// A stream to a client.
pub(crate) trait ClientStream: AsyncRead + AsyncWrite + Unpin {
    /// Has the system throw away what was written and has not arrived, when the stream is dropped.
    fn reset(&self);
}

/// A connection, and what is known of the answers on it.
pub(crate) struct ClientConnection<S> {
    stream: S,
    proof: Arc<AnswerProof>,
    /// The end of the last chunk, which is written once the answer in it is settled.
    chunk_end: Vec<u8>,
    /// Whether the client has ended its side.
    is_ended: bool,
}

impl<S> ClientConnection<S> {
    /// Watches a connection for this proof.
    pub(crate) fn new(stream: S, proof: Arc<AnswerProof>) -> Self {
        Self { stream, proof, chunk_end: Vec::new(), is_ended: false }
    }
}

impl<S: ClientStream> ClientConnection<S> {
    /// Notes what a read has shown. The end is told only once it is settled whether the last answer has arrived: the system
    /// forgets the connection when this side is closed, too.
    fn took(&mut self, read: &io::Result<usize>, cx: &Context<'_>) -> Poll<()> {
        match read {
            Ok(0) => self.is_ended = true,
            Ok(_) => self.proof.more_came(),
            // Some clients end TLS without saying so, and this side ends connections of which there are too many.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionAborted
                ) =>
            {
                self.is_ended = true;
            }
            Err(_) => self.proof.broke(),
        }
        self.poll_end_told(cx)
    }

    /// Waits until it is settled whether the last answer has arrived, if the client has ended its side.
    fn poll_end_told(&self, cx: &Context<'_>) -> Poll<()> {
        if self.is_ended && self.proof.is_open(cx.waker()) {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    }

    /// Reads on until it is settled whether the last answer has arrived.
    fn poll_settled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.proof.is_awaited(cx.waker()) && !self.is_ended {
            let mut scrap = [0; SCRAP];
            let mut buffer = ReadBuf::new(&mut scrap);
            let read = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer));
            let read = read.map(|()| buffer.filled().len());
            let is_over = read.is_err();
            ready!(self.took(&read, cx));
            if is_over {
                break;
            }
        }
        if self.proof.is_void() {
            self.stream.reset();
        }
        self.poll_end_told(cx)
    }
}

impl<S: AsyncWrite + Unpin> ClientConnection<S> {
    /// Writes what was held back. More follows, so that the answer before it is settled.
    fn poll_chunk_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.chunk_end.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.chunk_end))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.chunk_end.drain(..written);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: ClientStream> AsyncRead for ClientConnection<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        // Registers, too: an answer that is settled may have to be thrown away.
        let _ = this.proof.is_awaited(cx.waker());
        if this.proof.is_void() {
            this.stream.reset();
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if this.is_ended {
            return this.poll_end_told(cx).map(Ok);
        }
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut this.stream).poll_read(cx, buffer));
        let read = read.map(|()| buffer.filled().len() - before);
        ready!(this.took(&read, cx));
        Poll::Ready(if this.is_ended { Ok(()) } else { read.map(|_| ()) })
    }
}

impl<S: ClientStream> AsyncWrite for ClientConnection<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        ready!(this.poll_chunk_end(cx))?;
        if !this.proof.holds_chunk_end() {
            return Pin::new(&mut this.stream).poll_write(cx, bytes);
        }
        let content = bytes.len().saturating_sub(CHUNK_END);
        if content > 0 {
            let written = ready!(Pin::new(&mut this.stream).poll_write(cx, &bytes[..content]))?;
            if written < content {
                return Poll::Ready(Ok(written));
            }
        }
        this.chunk_end.extend_from_slice(&bytes[content..]);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.proof.holds_chunk_end() {
            ready!(self.poll_chunk_end(cx))?;
        }
        let flushed = ready!(Pin::new(&mut self.stream).poll_flush(cx));
        match flushed {
            Ok(()) => self.proof.flushed(),
            Err(_) => self.proof.broke(),
        }
        Poll::Ready(flushed)
    }

    /// Ends this side, once it is settled whether the last answer has arrived. A client that closes the connection with the end
    /// of this side unread would seem not to have read the answer before it.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(this.poll_settled(cx));
        Pin::new(&mut this.stream).poll_shutdown(cx)
    }
}

impl<S> Drop for ClientConnection<S> {
    fn drop(&mut self) {
        self.proof.broke();
    }
}
