//! Counters and gauges of a hub in the Prometheus format. They name no peer and no address.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use junction_shared::protocol::close::{ALL as ALL_CLOSES, Close};
use junction_shared::protocol::wire::ToBridge;

/// A number that only grows.
#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn increment(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Why a connection was rejected before it sent a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rejection {
    /// The machine connects too often, holds too many pending connections, or failed to authenticate too
    /// often.
    IpLimit,
    /// Another connection took the slot of this one, which was silent.
    Evicted,
    /// The connection ended without a valid request.
    NoRequest,
    /// The client offered no TLS version that the hub accepts.
    Tls,
    /// The connection came without TLS from another machine.
    Plaintext,
}

const ALL_REJECTIONS: [(Rejection, &str); 5] = [
    (Rejection::IpLimit, "ip_limit"),
    (Rejection::Evicted, "evicted"),
    (Rejection::NoRequest, "no_request"),
    (Rejection::Tls, "tls"),
    (Rejection::Plaintext, "plaintext"),
];

/// The counters of a hub.
#[derive(Default)]
pub(crate) struct Metrics {
    /// Connections accepted.
    pub(crate) connections: Counter,
    /// Requests rejected for their host or origin.
    pub(crate) rejected_requests: Counter,
    /// Connections welcomed.
    pub(crate) welcomed: Counter,
    /// Frames received on welcomed connections.
    pub(crate) frames: Counter,
    /// Times a connection was throttled.
    pub(crate) throttled: Counter,
    rejected_connections: [Counter; ALL_REJECTIONS.len()],
    closed: [Counter; ALL_CLOSES.len()],
    accepted: Counter,
    refused: Counter,
    deferred: Counter,
}

/// Current values of a hub.
pub(crate) struct Gauges {
    /// Sessions connected.
    pub(crate) sessions: usize,
    /// Sessions known, connected or away.
    pub(crate) peers: usize,
    /// Messages in all inboxes.
    pub(crate) messages: usize,
    /// Bytes of messages in all inboxes.
    pub(crate) bytes: usize,
    /// Bytes of attachments that there is room for.
    pub(crate) attachment_bytes: usize,
    /// Programs of this machine that are told what goes on.
    pub(crate) onlookers: usize,
    /// Seconds since the hub started.
    pub(crate) uptime: u64,
}

impl Metrics {
    /// Counts a rejected connection.
    pub(crate) fn reject_connection(&self, why: Rejection) {
        count(
            &self.rejected_connections,
            ALL_REJECTIONS.iter().position(|(known, _)| *known == why),
        );
    }

    /// Counts a connection that the hub closed.
    pub(crate) fn closed(&self, why: Close) {
        count(&self.closed, ALL_CLOSES.iter().position(|known| *known == why));
    }

    /// Counts a frame that answers a hand-over.
    pub(crate) fn count_sent(&self, frame: &ToBridge) {
        match frame {
            ToBridge::Accepted(_) => self.accepted.increment(),
            ToBridge::Refused(..) => self.refused.increment(),
            ToBridge::Later(_) => self.deferred.increment(),
            _ => {}
        }
    }

    /// Renders everything in the Prometheus text format, version 0.0.4.
    pub(crate) fn render(&self, gauges: &Gauges) -> String {
        let mut text = Exposition(String::with_capacity(4096));
        text.gauge("sessions", "Sessions connected.", gauges.sessions as u64);
        text.gauge("peers", "Sessions known, connected or away.", gauges.peers as u64);
        text.gauge("inbox_messages", "Messages in all inboxes.", gauges.messages as u64);
        text.gauge("inbox_bytes", "Bytes of messages in all inboxes.", gauges.bytes as u64);
        text.gauge(
            "attachment_bytes",
            "Bytes of attachments that are kept or coming.",
            gauges.attachment_bytes as u64,
        );
        text.gauge(
            "onlookers",
            "Programs of this machine that read /events.",
            gauges.onlookers as u64,
        );
        text.gauge("uptime_seconds", "Time since the hub started.", gauges.uptime);
        text.counter("connections_total", "Connections accepted.", &self.connections);
        text.counter("welcomes_total", "Connections welcomed.", &self.welcomed);
        text.counter("frames_total", "Frames received from sessions.", &self.frames);
        text.counter(
            "rejected_requests_total",
            "Requests with a foreign host or origin.",
            &self.rejected_requests,
        );
        text.counter("throttled_total", "Times a session was throttled.", &self.throttled);
        let words = [&self.accepted, &self.refused, &self.deferred];
        let words = ["accepted", "refused", "later"].into_iter().zip(words);
        text.counters("messages_total", "Messages handed over, by answer.", "answer", words);
        let reasons = ALL_REJECTIONS.iter().map(|(_, word)| *word).zip(&self.rejected_connections);
        text.counters(
            "rejected_connections_total",
            "Connections without a valid request.",
            "reason",
            reasons,
        );
        let reasons = ALL_CLOSES.iter().map(|close| close.word()).zip(&self.closed);
        text.counters("closed_total", "Connections that the hub ended.", "reason", reasons);
        text.0
    }
}

fn count(counters: &[Counter], index: Option<usize>) {
    if let Some(counter) = index.and_then(|index| counters.get(index)) {
        counter.increment();
    }
}

/// A page in the text exposition format.
struct Exposition(String);

impl Exposition {
    fn head(&mut self, name: &str, help: &str, kind: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "# HELP junction_{name} {help}\n# TYPE junction_{name} {kind}");
    }

    fn gauge(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, help, "gauge");
        let _ = writeln!(self.0, "junction_{name} {value}");
    }

    fn counter(&mut self, name: &str, help: &str, counter: &Counter) {
        self.head(name, help, "counter");
        let _ = writeln!(self.0, "junction_{name} {}", counter.value());
    }

    fn counters<'a>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        counters: impl Iterator<Item = (&'a str, &'a Counter)>,
    ) {
        self.head(name, help, "counter");
        for (word, counter) in counters {
            let _ = writeln!(self.0, "junction_{name}{{{label}=\"{word}\"}} {}", counter.value());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_counter() {
        let metrics = Metrics::default();
        for (at, (why, _)) in ALL_REJECTIONS.iter().enumerate() {
            (0..=at).for_each(|_| metrics.reject_connection(*why));
        }
        for (at, why) in ALL_CLOSES.iter().enumerate() {
            (0..=at).for_each(|_| metrics.closed(*why));
        }
        let gauges = Gauges {
            sessions: 1,
            peers: 2,
            messages: 3,
            bytes: 4,
            attachment_bytes: 6,
            onlookers: 7,
            uptime: 5,
        };
        let text = metrics.render(&gauges);
        for (at, (_, word)) in ALL_REJECTIONS.iter().enumerate() {
            let line =
                format!("junction_rejected_connections_total{{reason=\"{word}\"}} {}\n", at + 1);
            assert!(text.contains(&line), "{text}");
        }
        for (at, why) in ALL_CLOSES.iter().enumerate() {
            let line = format!("junction_closed_total{{reason=\"{why}\"}} {}\n", at + 1);
            assert!(text.contains(&line), "{text}");
        }
        assert!(text.contains("# TYPE junction_inbox_bytes gauge\njunction_inbox_bytes 4\n"));
    }

    #[test]
    fn every_line_follows_the_format() {
        let text = Metrics::default().render(&Gauges {
            sessions: 0,
            peers: 0,
            messages: 0,
            bytes: 0,
            attachment_bytes: 0,
            onlookers: 0,
            uptime: 0,
        });
        for line in text.lines() {
            let sample =
                || line.rsplit_once(' ').is_some_and(|(_, value)| value.parse::<u64>().is_ok());
            assert!(
                line.starts_with("# HELP junction_")
                    || line.starts_with("# TYPE junction_")
                    || sample(),
                "{line}"
            );
        }
    }
}
