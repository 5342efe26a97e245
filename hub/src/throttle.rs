//! Limits how fast one connection may send. A connection that exceeds the rate is slowed down, and closed if
//! it keeps exceeding it, so that its traffic never delays all others.

use std::sync::Arc;
use std::time::Duration;

use junction_shared::protocol::wire::{Question, ToHub};
use tokio::time::{Instant, sleep};

use crate::accept::ip_limits::IpQuota;
use crate::metrics::Metrics;
use crate::token_bucket::TokenBucket;

/// Tokens per second of one connection, and burst. A message costs one token, plus one for every 4 KiB, unless its frame
/// costs more. No bridge comes near the limit: receipts and messages of the fastest one measured take 5,000 per second.
const RATE: (u32, u32) = (20_000, 20_000);
/// Bytes that cost as much as a message.
const BYTES_PER_TOKEN: usize = 4096;
/// The tokens of a card, also in a wish for an alias: 500 per second. Its signature may have to be checked, here and by each
/// subscriber.
const CARD_TOKENS: u32 = 40;
/// The tokens of a return word: 1,250 per second. Its sender computes a key to check it. A bridge that ends says 1,024
/// at once, which is no more than a burst.
const RETURN_TOKENS: u32 = 16;
/// The tokens of a set of repositories: 500 per second. Every session there may be told.
const REPOSITORIES_TOKENS: u32 = 40;
/// The tokens of a chunk of an attachment, whatever its length: 200 MiB per second. The hub asks for chunks itself, as many
/// as it has room for.
const CHUNK_TOKENS: u32 = 6;
/// How long a connection may keep exceeding its rate. Legitimate bursts are over by then.
const MAX_THROTTLED: Duration = Duration::from_secs(2);

/// Returns the tokens of a frame of this length.
pub(crate) fn tokens_of(frame: &ToHub, length: usize) -> u32 {
    match frame {
        ToHub::Chunk(_) => CHUNK_TOKENS,
        ToHub::Card(_) | ToHub::Ask(_, Question::Rename(_)) => {
            tokens_of_length(length).saturating_add(CARD_TOKENS)
        }
        ToHub::Repositories(_) => tokens_of_length(length).saturating_add(REPOSITORIES_TOKENS),
        ToHub::Return(_) => tokens_of_length(length).saturating_add(RETURN_TOKENS),
        _ => tokens_of_length(length),
    }
}

/// Returns the tokens of anything of this length.
pub(crate) fn tokens_of_length(length: usize) -> u32 {
    u32::try_from(length / BYTES_PER_TOKEN).unwrap_or(u32::MAX).saturating_add(1)
}

/// The rate limit of one connection.
pub(crate) struct Throttle {
    bucket: TokenBucket,
    quota: Arc<IpQuota>,
    /// Since when the connection has exceeded its rate; cleared once half of its tokens are back.
    throttled_since: Option<Instant>,
}

/// The connection kept exceeding its rate for too long.
#[derive(Debug, PartialEq)]
pub(crate) struct RateExceeded;

impl Throttle {
    /// Creates the throttle of a connection that shares this quota.
    pub(crate) fn new(quota: Arc<IpQuota>) -> Self {
        let (rate, burst) = RATE;
        Self { bucket: TokenBucket::new(rate, burst, Instant::now()), quota, throttled_since: None }
    }

    /// Charges a message that costs so many tokens, and waits until the next one may be read.
    ///
    /// # Errors
    /// [`RateExceeded`] if the connection had to be slowed for too long.
    pub(crate) async fn charge(
        &mut self,
        tokens: u32,
        metrics: &Metrics,
    ) -> Result<(), RateExceeded> {
        let now = Instant::now();
        let own = self.bucket.take(tokens, now);
        if !own.is_zero() {
            self.throttled_since = self.throttled_since.or(Some(now));
        } else if self.bucket.is_half_full(now) {
            self.throttled_since = None;
        }
        if self.throttled_since.is_some_and(|since| now - since >= MAX_THROTTLED) {
            return Err(RateExceeded);
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

    fn throttle(ip_limits: &IpLimits, ip: &str) -> Throttle {
        Throttle::new(ip_limits.try_connect(ip.parse().unwrap()).unwrap())
    }

    /// Returns how many messages passed, and whether the connection was closed.
    async fn flood(throttle: &mut Throttle, tokens: u32, time: Duration) -> (u32, bool) {
        let (begun, metrics) = (Instant::now(), Metrics::default());
        let mut passed = 0;
        while begun.elapsed() < time {
            if throttle.charge(tokens, &metrics).await.is_err() {
                return (passed, true);
            }
            passed += 1;
        }
        (passed, false)
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_throttled_and_then_closed() {
        let ip_limits = IpLimits::default();
        let mut throttle = throttle(&ip_limits, "127.0.0.1");
        let begun = Instant::now();
        let (passed, ended) = flood(&mut throttle, 1, Duration::from_secs(10)).await;
        assert!(ended && begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
        assert!((40_000..80_000).contains(&passed), "{passed}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_not_throttled_and_long_messages_cost_more() {
        let long = tokens_of_length(66 * 1024);
        let ip_limits = IpLimits::default();
        let metrics = Metrics::default();
        let mut throttle = throttle(&ip_limits, "127.0.0.1");
        let begun = Instant::now();
        for _ in 0..1000 {
            throttle.charge(long, &metrics).await.unwrap();
        }
        assert_eq!(begun.elapsed(), Duration::ZERO);
        for _ in 0..1000 {
            throttle.charge(long, &metrics).await.unwrap();
        }
        assert!(begun.elapsed() > Duration::from_millis(500));
    }

    #[tokio::test(start_paused = true)]
    async fn regression_frames_that_are_slow_to_check_cost_more() {
        let ip_limits = IpLimits::default();
        for (tokens, most) in
            [(CARD_TOKENS, 1_600), (REPOSITORIES_TOKENS, 1_600), (RETURN_TOKENS, 4_000)]
        {
            let mut throttle = throttle(&ip_limits, "127.0.0.1");
            let (passed, ended) = flood(&mut throttle, tokens, Duration::from_secs(10)).await;
            assert!(ended && (most / 2..most).contains(&passed), "{passed}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn bridge_that_ends_says_all_its_words_at_once() {
        let (ip_limits, metrics) = (IpLimits::default(), Metrics::default());
        let mut throttle = throttle(&ip_limits, "10.0.0.1");
        let begun = Instant::now();
        for _ in 0..1024 {
            throttle.charge(RETURN_TOKENS, &metrics).await.unwrap();
        }
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn sessions_of_another_machine_share_its_quota() {
        let ip_limits = IpLimits::default();
        let metrics = Metrics::default();
        let mut throttles: Vec<_> = (0..10).map(|_| throttle(&ip_limits, "10.0.0.1")).collect();
        let begun = Instant::now();
        for _ in 0..10_000 {
            for throttle in &mut throttles {
                throttle.charge(1, &metrics).await.unwrap();
            }
        }
        assert!(begun.elapsed() > Duration::from_secs(1), "{:?}", begun.elapsed());
    }
}
