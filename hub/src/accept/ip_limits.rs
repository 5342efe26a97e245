//! Limits for each remote machine: how often it connects, how much it sends, and how often it fails to
//! authenticate. This machine itself is exempt: its sessions have nothing in common but the loopback address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::token_bucket::TokenBucket;

/// The maximum number of machines tracked. Beyond it, all further machines share one quota.
const MAX_IPS: usize = 1024;
/// Connections per second from one machine, and burst: twenty sessions of one person that all reconnect at
/// once, ten times over.
const CONNECTION_RATE: (u32, u32) = (50, 200);
/// Failed authentications per second from one machine, and burst: enough for twenty sessions with an outdated
/// link while their owner looks for the new one. A machine that exceeds it is not accepted until tokens have
/// come back.
const AUTH_FAILURE_RATE: (u32, u32) = (2, 20);
/// Frames per second from all sessions of one machine, and burst, in the tokens of [`crate::throttle`]: twice
/// what one session may send.
const FRAME_RATE: (u32, u32) = (40_000, 40_000);

/// The quotas of all machines tracked.
#[derive(Default)]
pub(crate) struct IpLimits {
    known: Mutex<HashMap<IpAddr, Arc<IpQuota>>>,
}

/// The quota of one machine.
pub(crate) struct IpQuota {
    ip: IpAddr,
    /// `None` for this machine, which has no limits.
    buckets: Option<Mutex<Buckets>>,
}

struct Buckets {
    connections: TokenBucket,
    auth_failures: TokenBucket,
    frames: TokenBucket,
}

impl IpLimits {
    /// Returns the quota of the machine that connects, or `None` if it connects or fails too often.
    pub(crate) fn try_connect(&self, ip: IpAddr) -> Option<Arc<IpQuota>> {
        let quota = self.find(network_of(ip));
        let now = Instant::now();
        let is_allowed = quota.lock().is_none_or(|mut buckets| {
            !buckets.auth_failures.is_empty(now) && buckets.connections.try_take(now)
        });
        is_allowed.then_some(quota)
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
            // The quota that all further machines share.
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

    /// Returns the IPv4 address of the machine, or its IPv6 network.
    pub(crate) fn ip(&self) -> IpAddr {
        self.ip
    }

    /// Returns whether the connection came over loopback, from this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        self.buckets.is_none()
    }

    /// Records that a connection from this machine failed to prove its membership of the group.
    pub(crate) fn record_auth_failure(&self) {
        if let Some(mut buckets) = self.lock() {
            buckets.auth_failures.take(1, Instant::now());
        }
    }

    /// Charges what a connection from this machine sent. Returns how long to wait before reading on.
    pub(crate) fn charge(&self, tokens: u32, now: Instant) -> Duration {
        self.lock().map_or(Duration::ZERO, |mut buckets| buckets.frames.take(tokens, now))
    }

    /// Returns whether the machine is connected or has used up any tokens.
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

/// Returns the address that stands for a machine: for IPv4 the address itself, however it is written; for
/// IPv6 the first 64 bits, since a machine may choose any address within them (RFC 4862).
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
    async fn loopback_has_no_limits() {
        let ip_limits = IpLimits::default();
        for _ in 0..10_000 {
            let quota = ip_limits.try_connect(ip("127.0.0.1")).unwrap();
            quota.record_auth_failure();
            assert_eq!(quota.charge(1_000_000, Instant::now()), Duration::ZERO);
        }
        assert!(ip_limits.known.lock().unwrap().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_machine_that_connects_too_often_is_refused_and_others_are_not() {
        let ip_limits = IpLimits::default();
        let connects = |from| ip_limits.try_connect(ip(from)).is_some();
        assert_eq!((0..1000).filter(|_| connects("10.0.0.1")).count(), 200);
        assert!(connects("10.0.0.2"));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!((0..1000).filter(|_| connects("10.0.0.1")).count(), 50);
    }

    #[tokio::test(start_paused = true)]
    async fn failed_authentications_block_their_machine_for_a_while() {
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
    async fn the_number_of_machines_tracked_is_bounded() {
        let ip_limits = IpLimits::default();
        let mut held = Vec::new();
        for n in 0..2000_u32 {
            held.extend(ip_limits.try_connect(IpAddr::from((0x0a00_0000 + n).to_be_bytes())));
        }
        let count = || ip_limits.known.lock().unwrap().len();
        assert_eq!(count(), MAX_IPS + 1);
        // Machines that are disconnected and have used no tokens are forgotten.
        held.clear();
        tokio::time::advance(Duration::from_secs(10)).await;
        assert!(ip_limits.try_connect(ip("10.9.9.9")).is_some());
        assert_eq!(count(), 1);
    }
}
