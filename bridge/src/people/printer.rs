//! Output that may block: a thread of its own writes it, so that a reader who takes nothing stops neither the session
//! nor a signal.

use std::io::{self, Write as _};

use tokio::sync::{mpsc, oneshot};

/// Where a printer writes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum OutputStream {
    Stdout,
    Stderr,
}

/// Writes texts in their order. A call to print waits for the flush.
pub(crate) struct Printer(mpsc::Sender<(String, oneshot::Sender<io::Result<()>>)>);

impl Printer {
    /// A printer to this stream.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub(crate) fn start(stream: OutputStream) -> io::Result<Self> {
        let (sender, mut texts) = mpsc::channel::<(String, oneshot::Sender<_>)>(1);
        std::thread::Builder::new().name("printer".to_owned()).spawn(move || {
            while let Some((text, printed)) = texts.blocking_recv() {
                let _ = printed.send(write(stream, &text));
            }
        })?;
        Ok(Self(sender))
    }

    /// Writes a text as it is, and waits until it is flushed.
    ///
    /// # Errors
    /// The stream takes no more; of the kind `BrokenPipe` where nobody reads it.
    pub(crate) async fn print(&self, text: String) -> io::Result<()> {
        let (printed, result) = oneshot::channel();
        let closed = || io::Error::from(io::ErrorKind::BrokenPipe);
        self.0.send((text, printed)).await.map_err(|_| closed())?;
        result.await.map_err(|_| closed())?
    }

    /// Writes a text and a line end, as [`Printer::print`].
    ///
    /// # Errors
    /// As [`Printer::print`].
    pub(crate) async fn line(&self, text: &str) -> io::Result<()> {
        self.print(format!("{text}\n")).await
    }
}

fn write(stream: OutputStream, text: &str) -> io::Result<()> {
    match stream {
        OutputStream::Stdout => {
            let mut stdout = io::stdout().lock();
            stdout.write_all(text.as_bytes())?;
            stdout.flush()
        }
        OutputStream::Stderr => io::stderr().write_all(text.as_bytes()),
    }
}

/// Waits until nobody reads stdout any more; forever, where the system does not report that.
pub(crate) async fn stdout_closed() {
    #[cfg(target_os = "linux")]
    {
        use std::os::fd::AsFd as _;
        use tokio::io::Interest;
        use tokio::io::unix::AsyncFd;

        let watched = io::stdout().as_fd().try_clone_to_owned().and_then(|descriptor| {
            #[expect(
                deprecated,
                reason = "unsound for types that may close early; this one owns its descriptor"
            )]
            AsyncFd::with_interest(descriptor, Interest::ERROR)
        });
        // A file reports nothing, and is never closed.
        if let Ok(watched) = watched
            && watched.ready(Interest::ERROR).await.is_ok()
        {
            return;
        }
    }
    std::future::pending::<()>().await;
}
