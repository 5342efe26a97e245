//! Where an answer is that was written, and for how long that is waited to be shown.

use std::net::SocketAddr;
use std::time::Duration;

use junction_shared::machine::connection_end::ConnectionLook;
use junction_shared::machine::running_system::connection_end;
use tokio::time::Instant;

/// How long a client that does nothing is waited for, whose system has the answer.
const QUIET: Duration = Duration::from_secs(1);
/// How long the client's system may take to have all of it.
const LONGEST: Duration = Duration::from_secs(30);
/// How long nothing of it may move, where the agent's client asks something on another connection.
const STALLED: Duration = Duration::from_secs(3);
/// How long the client's program may leave it in its system then. Before that is asked, it may for as long as it likes.
const UNTAKEN: Duration = Duration::from_secs(30);

/// Where an answer is that was written to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AnswerTransit {
    /// Under way: the client's system has not acknowledged so many bytes.
    Underway(u32),
    /// In the client's system, of which the client's program has not taken so many bytes.
    Untaken(u32),
    /// In the client's system. Whether the program has taken it is not told: it runs on another machine.
    Arrived,
    /// With the client's program, which has taken all of it.
    Taken,
    /// Nowhere: the connection is gone.
    Lost,
}

/// What is to be done with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AnswerVerdict {
    /// To be waited for: whether the client has it is not known yet.
    Wait,
    /// With the client, as far as can be known.
    Has,
    /// The client does not have it, and cannot get it any more.
    Lacks,
    /// The client does not have it, and must not get it any more.
    GiveUp,
}

/// How an answer has moved so far.
pub(super) struct AnswerProgress {
    written: Instant,
    /// What is left of the way.
    left: u64,
    moved: Instant,
    /// Whether the client has done more than wait.
    is_hurried: bool,
    /// When the agent's client asked something on another connection.
    asked: Option<Instant>,
}

impl AnswerTransit {
    /// Where all that was written on the connection between these ends is, of which `local` is ours.
    pub(super) fn look(local: SocketAddr, remote: SocketAddr) -> Self {
        match connection_end(local, remote) {
            ConnectionLook::Gone => Self::Lost,
            ConnectionLook::Unknown => Self::Arrived,
            ConnectionLook::Here(end) if end.unacknowledged > 0 => {
                Self::Underway(end.unacknowledged)
            }
            ConnectionLook::Here(_) => match connection_end(remote, local) {
                ConnectionLook::Here(client) if client.untaken == 0 => Self::Taken,
                ConnectionLook::Here(client) => Self::Untaken(client.untaken),
                ConnectionLook::Unknown => Self::Arrived,
                // On another machine, unless it has gone since.
                ConnectionLook::Gone => match connection_end(local, remote) {
                    ConnectionLook::Gone => Self::Lost,
                    _ => Self::Arrived,
                },
            },
        }
    }

    /// What is left of the way: first to the system, then to the program.
    fn left(self) -> u64 {
        match self {
            Self::Underway(bytes) => u64::from(bytes) << 32,
            Self::Untaken(bytes) => bytes.into(),
            Self::Arrived | Self::Taken | Self::Lost => 0,
        }
    }
}

impl AnswerProgress {
    /// The progress of an answer that is written at this moment.
    pub(super) fn new(now: Instant) -> Self {
        Self { written: now, left: u64::MAX, moved: now, is_hurried: false, asked: None }
    }

    /// Notes that the client has ended its side.
    pub(super) fn hurry(&mut self) {
        self.is_hurried = true;
    }

    /// Notes that the agent's client asks something on another connection, which waits for this answer.
    pub(super) fn asked_elsewhere(&mut self, now: Instant) {
        self.is_hurried = true;
        self.asked.get_or_insert(now);
    }

    /// What is to be done with an answer that is there now.
    pub(super) fn verdict(&mut self, place: AnswerTransit, now: Instant) -> AnswerVerdict {
        if place.left() < self.left {
            (self.left, self.moved) = (place.left(), now);
        }
        let asked = self.asked.map(|asked| now - asked.max(self.moved));
        match place {
            AnswerTransit::Taken => AnswerVerdict::Has,
            AnswerTransit::Lost => AnswerVerdict::Lacks,
            AnswerTransit::Arrived if self.is_hurried || now - self.written >= QUIET => {
                AnswerVerdict::Has
            }
            // What a system has it keeps for its program, even if the connection is reset: it cannot be given up.
            AnswerTransit::Untaken(_) if asked.is_some_and(|since| since >= UNTAKEN) => {
                AnswerVerdict::Has
            }
            AnswerTransit::Underway(_)
                if asked.is_some_and(|since| since >= STALLED) || now - self.written >= LONGEST =>
            {
                AnswerVerdict::GiveUp
            }
            AnswerTransit::Arrived | AnswerTransit::Untaken(_) | AnswerTransit::Underway(_) => {
                AnswerVerdict::Wait
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use super::AnswerTransit::*;
    use super::*;

    /// What is to be done with an answer that was written so long ago.
    fn verdict(
        progress: &mut AnswerProgress,
        place: AnswerTransit,
        milliseconds: u64,
    ) -> AnswerVerdict {
        progress.verdict(place, progress.written + Duration::from_millis(milliseconds))
    }

    #[test]
    fn client_has_what_its_program_has_taken_or_what_its_system_has_had_for_a_while() {
        let mut progress = AnswerProgress::new(Instant::now());
        for (place, milliseconds, expected) in [
            (Taken, 0, AnswerVerdict::Has),
            (Lost, 0, AnswerVerdict::Lacks),
            (Arrived, 999, AnswerVerdict::Wait),
            (Arrived, 1_000, AnswerVerdict::Has),
            (Untaken(1), 3_600_000, AnswerVerdict::Wait),
            (Underway(1), 29_999, AnswerVerdict::Wait),
            (Underway(1), 30_000, AnswerVerdict::GiveUp),
        ] {
            assert_eq!(
                verdict(&mut progress, place, milliseconds),
                expected,
                "{place:?} {milliseconds}"
            );
        }
        progress.hurry();
        assert_eq!(verdict(&mut progress, Arrived, 0), AnswerVerdict::Has);
        assert_eq!(verdict(&mut progress, Untaken(1), 0), AnswerVerdict::Wait, "it may read on");
    }

    #[test]
    fn answer_that_does_not_move_is_given_up_soon_if_the_client_asks_elsewhere() {
        let mut progress = AnswerProgress::new(Instant::now());
        assert_eq!(verdict(&mut progress, Underway(9), 5_000), AnswerVerdict::Wait);
        let asked = progress.written + Duration::from_secs(6);
        progress.asked_elsewhere(asked);
        assert_eq!(verdict(&mut progress, Underway(9), 8_999), AnswerVerdict::Wait);
        // It moves, and has time again.
        assert_eq!(verdict(&mut progress, Underway(8), 8_999), AnswerVerdict::Wait);
        progress.asked_elsewhere(progress.written + Duration::from_secs(10));
        assert_eq!(verdict(&mut progress, Underway(8), 11_998), AnswerVerdict::Wait);
        assert_eq!(verdict(&mut progress, Underway(8), 11_999), AnswerVerdict::GiveUp);
        assert_eq!(
            verdict(&mut progress, Untaken(100), 11_999),
            AnswerVerdict::Wait,
            "it has moved on"
        );
        assert_eq!(verdict(&mut progress, Untaken(100), 41_998), AnswerVerdict::Wait);
        assert_eq!(verdict(&mut progress, Untaken(100), 41_999), AnswerVerdict::Has);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn place_of_an_answer_is_known_on_this_machine() {
        for leaves in [0, 1] {
            let listener = TcpListener::bind("[::1]:0").await.unwrap();
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (mut stream, remote) = listener.accept().await.unwrap();
            let local = stream.local_addr().unwrap();
            stream.write_all(&[0; 10]).await.unwrap();
            client.shutdown().await.unwrap();
            assert_eq!(AnswerTransit::look(local, remote), Untaken(10));
            client.read_exact(&mut vec![0; 10 - leaves]).await.unwrap();
            let expected = if leaves == 0 { Taken } else { Untaken(1) };
            assert_eq!(AnswerTransit::look(local, remote), expected);
            drop(client);
            let expected = if leaves == 0 { Taken } else { Lost };
            assert_eq!(AnswerTransit::look(local, remote), expected);
        }
    }
}
