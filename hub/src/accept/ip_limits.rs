//! What is remembered of other machines: how often they come, what they send, and how often they come
//! without being of the group. This machine is not among them: its sessions have nothing but it in common.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::token_bucket::TokenBucket;

/// Machines remembered, at most. Beyond it all new ones share one memory.
const MAX_IPS: usize = 1024;
/// Connections a second from one machine, and at once: a person's twenty sessions that all come back at once
/// and again, ten times over.
const CONNECTION_RATE: (u32, u32) = (50, 200);
/// Connections a second from one machine that could not prove that they are of the group, and at once: those
/// of twenty sessions with a link that is no longer valid, whose owner is looking for the new one. Whoever
/// has more has the door closed to him until some time is over.
const AUTH_FAILURE_RATE: (u32, u32) = (2, 20);
/// What all sessions of one machine may send a second, and at once, in the tokens of one: some two of them
/// at the most that each may.
const FRAME_RATE: (u32, u32) = (40_000, 40_000);

/// All machines remembered.
#[derive(Default)]
pub(crate) struct IpLimits {
    known: Mutex<HashMap<IpAddr, Arc<IpQuota>>>,
}

/// A machine.
pub(crate) struct IpQuota {
    ip: IpAddr,
    /// Nothing for this one.
    buckets: Option<Mutex<Buckets>>,
}

struct Buckets {
    connections: TokenBucket,
    auth_failures: TokenBucket,
    frames: TokenBucket,
}

impl IpLimits {
    /// The machine of an address that connects; nothing if it does so too often.
    pub(crate) fn try_connect(&self, ip: IpAddr) -> Option<Arc<IpQuota>> {
        let quota = self.find(network_of(ip));
        let now = Instant::now();
        let may_come = quota.lock().is_none_or(|mut buckets| {
            !buckets.auth_failures.is_empty(now) && buckets.connections.try_take(now)
        });
        may_come.then_some(quota)
    }

    fn find(&self, ip: IpAddr) -> Arc<IpQuota> {
        if ip.is_loopback() {
            return Arc::new(IpQuota { ip, buckets: None });
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_IPS && !known.contains_key(&ip) {
            known.retain(|_, quota| quota.is_worth_keeping());
        }
        let ip = if known.len() < MAX_IPS || known.contains_key(&ip) {
            ip
        } else {
            // The one that stands for all others.
            Ipv6Addr::UNSPECIFIED.into()
        };
        known.entry(ip).or_insert_with(|| Arc::new(IpQuota::new(ip))).clone()
    }
}

impl IpQuota {
    fn new(ip: IpAddr) -> Self {
        let now = Instant::now();
        let bucket = |(rate, burst)| TokenBucket::new(rate, burst, now);
        let buckets = Buckets {
            connections: bucket(CONNECTION_RATE),
            auth_failures: bucket(AUTH_FAILURE_RATE),
            frames: bucket(FRAME_RATE),
        };
        Self { ip, buckets: Some(Mutex::new(buckets)) }
    }

    /// The address, or the network that belongs to one machine.
    pub(crate) fn ip(&self) -> IpAddr {
        self.ip
    }

    /// Whether it is this very machine, by its loopback address.
    pub(crate) fn is_loopback(&self) -> bool {
        self.buckets.is_none()
    }

    /// One of its connections could not prove that it is of the group.
    pub(crate) fn record_auth_failure(&self) {
        if let Some(mut buckets) = self.lock() {
            buckets.auth_failures.take(1, Instant::now());
        }
    }

    /// Counts what one of its connections sent: how long it has to wait before it sends more.
    pub(crate) fn charge(&self, tokens: u32, now: Instant) -> Duration {
        self.lock().map_or(Duration::ZERO, |mut buckets| buckets.frames.take(tokens, now))
    }

    /// Whether anyone is connected from there, or anything is held against it.
    fn is_worth_keeping(self: &Arc<Self>) -> bool {
        let now = Instant::now();
        let is_used = Arc::strong_count(self) > 1;
        let clean = |buckets: MutexGuard<'_, Buckets>| {
            buckets.connections.is_full(now)
                && buckets.auth_failures.is_full(now)
                && buckets.frames.is_full(now)
        };
        is_used || !self.lock().is_some_and(clean)
    }

    fn lock(&self) -> Option<MutexGuard<'_, Buckets>> {
        self.buckets.as_ref().map(|buckets| buckets.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The address that a machine goes by: an IPv4 one as such, however it came; of an IPv6 one the first 64 bits,
/// all of whose addresses a machine may give itself (RFC 4862).
fn network_of(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) if !ip.is_loopback() => {
            let [a, b, c, d, ..] = ip.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        ip => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_machine_is_an_ipv4_address_or_an_ipv6_network() {
        assert_eq!(network_of(ip("::ffff:10.0.0.1")), ip("10.0.0.1"));
        assert_eq!(network_of(ip("fd00:1:2:3:4:5:6:7")), ip("fd00:1:2:3::"));
        assert_eq!(network_of(ip("::1")), ip("::1"));
    }

    #[tokio::test(start_paused = true)]
    async fn this_machine_is_never_kept_out() {
        let ip_limits = IpLimits::default();
        for _ in 0..10_000 {
            let quota = ip_limits.try_connect(ip("127.0.0.1")).unwrap();
            quota.record_auth_failure();
            assert_eq!(quota.charge(1_000_000, Instant::now()), Duration::ZERO);
        }
        assert!(ip_limits.known.lock().unwrap().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_too_often_waits_and_others_do_not() {
        let ip_limits = IpLimits::default();
        let come = |from| ip_limits.try_connect(ip(from)).is_some();
        assert_eq!((0..1000).filter(|_| come("10.0.0.1")).count(), 200);
        assert!(come("10.0.0.2"));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!((0..1000).filter(|_| come("10.0.0.1")).count(), 50);
    }

    #[tokio::test(start_paused = true)]
    async fn strangers_close_the_door_to_their_machine_for_a_while() {
        let ip_limits = IpLimits::default();
        let quota = ip_limits.try_connect(ip("10.0.0.1")).unwrap();
        for _ in 0..20 {
            assert!(ip_limits.try_connect(ip("10.0.0.1")).is_some());
            quota.record_auth_failure();
        }
        assert!(ip_limits.try_connect(ip("10.0.0.1")).is_none());
        assert!(ip_limits.try_connect(ip("10.0.0.2")).is_some());
        tokio::time::advance(Duration::from_millis(500)).await;
        assert!(ip_limits.try_connect(ip("10.0.0.1")).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn addresses_are_not_without_number() {
        let ip_limits = IpLimits::default();
        let mut held = Vec::new();
        for n in 0..2000_u32 {
            held.extend(ip_limits.try_connect(IpAddr::from((0x0a00_0000 + n).to_be_bytes())));
        }
        let count = || ip_limits.known.lock().unwrap().len();
        assert_eq!(count(), MAX_IPS + 1);
        // Those who have gone, and did nothing, are forgotten.
        held.clear();
        tokio::time::advance(Duration::from_secs(10)).await;
        assert!(ip_limits.try_connect(ip("10.9.9.9")).is_some());
        assert_eq!(count(), 1);
    }
}
