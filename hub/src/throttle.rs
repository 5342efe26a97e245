//! How fast one connection may send. Who is faster is slowed down, and who goes on being faster is sent away:
//! what one sends must never be what all others wait for.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::accept::ip_limits::IpQuota;
use crate::metrics::Metrics;
use crate::token_bucket::TokenBucket;

/// Tokens a second of one connection, and at once. A message costs one, and one more for every 4 KiB. No
/// bridge comes near it: receipts and messages of the fastest one that was measured take 5,000 a second.
const TOKENS: (u32, u32) = (20_000, 20_000);
/// Bytes that cost as much as a message does.
const BYTES_A_TOKEN: usize = 4096;
/// How long a connection may go on being slowed down. Honest ones are through with what they have by then.
const PATIENCE: Duration = Duration::from_secs(2);

/// The pace of one connection.
pub(crate) struct Pace {
    own: TokenBucket,
    quota: Arc<IpQuota>,
    /// Since when it is too fast, until it has been slow for a while.
    slowed_since: Option<Instant>,
}

/// A connection that went on sending too fast.
#[derive(Debug, PartialEq)]
pub(crate) struct TooFast;

impl Pace {
    /// The pace of a connection of this machine.
    pub(crate) fn new(quota: Arc<IpQuota>) -> Self {
        let (rate, burst) = TOKENS;
        Self { own: TokenBucket::new(rate, burst, Instant::now()), quota, slowed_since: None }
    }

    /// Counts a message of so many bytes, and waits until the next may be read.
    ///
    /// # Errors
    /// [`TooFast`] if the connection had to be slowed for too long.
    pub(crate) async fn keep(&mut self, length: usize, metrics: &Metrics) -> Result<(), TooFast> {
        let now = Instant::now();
        let tokens = 1 + u32::try_from(length / BYTES_A_TOKEN).unwrap_or(u32::MAX - 1);
        let own = self.own.take(tokens, now);
        if !own.is_zero() {
            self.slowed_since = self.slowed_since.or(Some(now));
        } else if self.own.is_half_full(now) {
            self.slowed_since = None;
        }
        if self.slowed_since.is_some_and(|since| now - since >= PATIENCE) {
            return Err(TooFast);
        }
        let wait = own.max(self.quota.charge(tokens, now));
        if !wait.is_zero() {
            metrics.throttled.increment();
            sleep(wait).await;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accept::ip_limits::IpLimits;

    fn pace(ip_limits: &IpLimits, ip: &str) -> Pace {
        Pace::new(ip_limits.try_connect(ip.parse().unwrap()).unwrap())
    }

    /// How many messages a second pass, and whether the connection ends.
    async fn flood(pace: &mut Pace, length: usize, time: Duration) -> (u32, bool) {
        let (begun, metrics) = (Instant::now(), Metrics::default());
        let mut passed = 0;
        while begun.elapsed() < time {
            if pace.keep(length, &metrics).await.is_err() {
                return (passed, true);
            }
            passed += 1;
        }
        (passed, false)
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_slowed_and_then_ended() {
        let ip_limits = IpLimits::default();
        let mut pace = pace(&ip_limits, "127.0.0.1");
        let begun = Instant::now();
        let (passed, ended) = flood(&mut pace, 1, Duration::from_secs(10)).await;
        assert!(ended && begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
        assert!((40_000..80_000).contains(&passed), "{passed}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_not_slowed_and_long_messages_cost_more() {
        let ip_limits = IpLimits::default();
        let metrics = Metrics::default();
        let mut pace = pace(&ip_limits, "127.0.0.1");
        let begun = Instant::now();
        for _ in 0..1000 {
            pace.keep(66 * 1024, &metrics).await.unwrap();
        }
        assert_eq!(begun.elapsed(), Duration::ZERO);
        for _ in 0..1000 {
            pace.keep(66 * 1024, &metrics).await.unwrap();
        }
        assert!(begun.elapsed() > Duration::from_millis(500));
    }

    #[tokio::test(start_paused = true)]
    async fn sessions_of_another_machine_share_what_it_may_send() {
        let ip_limits = IpLimits::default();
        let metrics = Metrics::default();
        let mut paces: Vec<_> = (0..10).map(|_| pace(&ip_limits, "10.0.0.1")).collect();
        let begun = Instant::now();
        for _ in 0..10_000 {
            for pace in &mut paces {
                pace.keep(1, &metrics).await.unwrap();
            }
        }
        assert!(begun.elapsed() > Duration::from_secs(1), "{:?}", begun.elapsed());
    }
}
