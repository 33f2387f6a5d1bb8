//! Failed attempts per address, and whether an address may try again.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// The most addresses that are remembered, in about 3 MB. Beyond that, the half that owes least is forgotten: an
/// address at its limit stays, unless most of the others are at theirs.
const ADDRESSES: usize = 50_000;

/// So many failures at once, and so many in `per`.
#[derive(Debug, Clone, Copy)]
struct Limit {
    failures: NonZeroU32,
    per: Duration,
}

/// The failures of every address, by the generic cell rate algorithm: one time per address.
///
/// Not by the crate `governor`, which counts whenever it is asked: here the question comes before the attempt, and only
/// a failure counts.
#[derive(Debug)]
pub(crate) struct Attempts {
    limit: Option<Limit>,
    /// When all failures of an address will have been paid off. Connections without an address share one.
    paid_off: Mutex<HashMap<Option<IpAddr>, Instant>>,
    limited: AtomicU64,
}

impl Attempts {
    /// Allows one address so many failures in this time; without a limit every attempt is admitted.
    pub(crate) fn new(limit: Option<(NonZeroU32, Duration)>) -> Self {
        let limit = limit.map(|(failures, per)| Limit { failures, per });
        Self { limit, paid_off: Mutex::default(), limited: AtomicU64::new(0) }
    }

    /// Whether `peer` may make an attempt; asking does not count.
    ///
    /// # Errors
    /// How long it has to wait.
    pub(crate) fn admit(&self, peer: Option<IpAddr>, now: Instant) -> Result<(), Duration> {
        let Some(limit) = self.limit else { return Ok(()) };
        let paid_off = self.paid_off.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(end) = paid_off.get(&counted(peer)) else { return Ok(()) };
        let owed = end.saturating_duration_since(now);
        // One more failure must fit.
        let most = for_one(limit) * (limit.failures.get() - 1);
        match owed.checked_sub(most) {
            None | Some(Duration::ZERO) => Ok(()),
            Some(wait) => {
                self.limited.fetch_add(1, Ordering::Relaxed);
                Err(wait)
            }
        }
    }

    /// Counts a failed attempt of `peer`.
    pub(crate) fn failed(&self, peer: Option<IpAddr>, now: Instant) {
        let Some(limit) = self.limit else { return };
        let mut paid_off = self.paid_off.lock().unwrap_or_else(PoisonError::into_inner);
        if paid_off.len() >= ADDRESSES {
            forget_half(&mut paid_off);
        }
        let end = paid_off.entry(counted(peer)).or_insert(now);
        *end = (*end).max(now) + for_one(limit);
    }

    /// How many attempts were not authenticated, since the start.
    pub(crate) fn limited(&self) -> u64 {
        self.limited.load(Ordering::Relaxed)
    }
}

/// The time in which one failure is paid off.
fn for_one(limit: Limit) -> Duration {
    limit.per / limit.failures.get()
}

/// The address under which failures are counted: of IPv6 the /64, since a host has a whole one to itself (RFC 4291
/// §2.5.4).
fn counted(peer: Option<IpAddr>) -> Option<IpAddr> {
    peer.map(|address| match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        four => four,
    })
}

fn forget_half(paid_off: &mut HashMap<Option<IpAddr>, Instant>) {
    let mut ends: Vec<Instant> = paid_off.values().copied().collect();
    let half = ends.len() / 2;
    let (_, middle, _) = ends.select_nth_unstable(half);
    let middle = *middle;
    paid_off.retain(|_, end| *end > middle);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempts(failures: u32, seconds: u64) -> Attempts {
        let failures = NonZeroU32::new(failures).unwrap();
        Attempts::new(Some((failures, Duration::from_secs(seconds))))
    }

    fn peer(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn as_many_may_fail_at_once_as_the_limit_says_and_then_one_per_interval() {
        for failures in [1, 3, 60] {
            let attempts = attempts(failures, 60);
            let (one, now) = (peer("192.0.2.1"), Instant::now());
            for _ in 0..failures {
                assert_eq!(attempts.admit(one, now), Ok(()));
                attempts.failed(one, now);
            }
            let wait = seconds(60 / u64::from(failures));
            assert_eq!(attempts.admit(one, now), Err(wait));
            assert_eq!(attempts.admit(one, now + wait / 2), Err(wait / 2));
            assert_eq!(attempts.limited(), 2);
            assert_eq!(attempts.admit(one, now + wait), Ok(()));
            attempts.failed(one, now + wait);
            assert_eq!(attempts.admit(one, now + wait), Err(wait));
        }
    }

    #[test]
    fn asking_does_not_count() {
        let attempts = attempts(1, 60);
        let now = Instant::now();
        for _ in 0..100 {
            assert_eq!(attempts.admit(peer("192.0.2.1"), now), Ok(()));
        }
        assert!(attempts.paid_off.lock().unwrap().is_empty());
    }

    #[test]
    fn old_failures_are_paid_off_and_no_credit_builds_up() {
        let attempts = attempts(2, 60);
        let (one, now) = (peer("192.0.2.1"), Instant::now());
        for late in [0, 3600] {
            let now = now + seconds(late);
            attempts.failed(one, now);
            assert_eq!(attempts.admit(one, now), Ok(()));
            attempts.failed(one, now);
            assert!(attempts.admit(one, now).is_err());
        }
    }

    #[test]
    fn addresses_are_counted_one_by_one_and_ipv6_by_network() {
        let now = Instant::now();
        for (failing, limited, free) in [
            ("192.0.2.1", "192.0.2.1", "192.0.2.2"),
            ("192.0.2.1", "::ffff:192.0.2.1", "::ffff:192.0.2.2"),
            ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", "2001:db8:0:2::1"),
        ] {
            let attempts = attempts(1, 60);
            attempts.failed(peer(failing), now);
            assert!(attempts.admit(peer(limited), now).is_err(), "{limited}");
            assert_eq!(attempts.admit(peer(free), now), Ok(()), "{free}");
            assert_eq!(attempts.admit(None, now), Ok(()));
        }
        let attempts = attempts(1, 60);
        attempts.failed(None, now);
        assert!(attempts.admit(None, now).is_err(), "those without an address are one");
    }

    #[test]
    fn memory_is_bounded_and_an_address_at_its_limit_is_not_forgotten() {
        let attempts = attempts(60, 60);
        let (one, now) = (peer("192.0.2.1"), Instant::now());
        for _ in 0..60 {
            attempts.failed(one, now);
        }
        for other in 0..3 * ADDRESSES as u128 {
            let network = Ipv6Addr::from_bits(other << 64);
            attempts.failed(Some(network.into()), now + Duration::from_nanos(other as u64));
            assert!(attempts.paid_off.lock().unwrap().len() <= ADDRESSES);
        }
        assert!(attempts.admit(one, now).is_err());
    }

    #[test]
    fn without_a_limit_nothing_is_remembered() {
        let attempts = Attempts::new(None);
        for _ in 0..1000 {
            attempts.failed(peer("192.0.2.1"), Instant::now());
        }
        assert_eq!(attempts.admit(peer("192.0.2.1"), Instant::now()), Ok(()));
        assert!(attempts.paid_off.lock().unwrap().is_empty());
    }
}
