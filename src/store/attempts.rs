//! Failed attempts of each address and for each user name, and whether another one may be made.

use std::{
    hash::{BuildHasher, RandomState},
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crate::store::cell_rate::CellRate;

/// Who fails, and with whose password: what is counted.
#[derive(Debug, Clone, Copy)]
struct Counted {
    address: Option<IpAddr>,
    /// A keyed hash, so that long names take no memory.
    name: Option<u64>,
}

/// Limits failed attempts: an attempt counts from its beginning until it is known to have succeeded.
#[derive(Debug)]
pub(crate) struct Attempts {
    limits: Option<Limits>,
    limited: AtomicU64,
}

#[derive(Debug)]
struct Limits {
    /// Connections without an address share one.
    addresses: CellRate<Option<IpAddr>>,
    /// Also names that nobody has: their limit must tell nothing.
    names: CellRate<u64>,
    hasher: RandomState,
}

/// An attempt that counts as failed only if [`Attempt::fail`] says so.
#[derive(Debug)]
pub(crate) struct Attempt {
    attempts: Arc<Attempts>,
    counted: Option<Counted>,
}

impl Attempts {
    /// Allows so many failures in this time; without a limit every attempt is admitted.
    pub(crate) fn new(limit: Option<(NonZeroU32, Duration)>) -> Self {
        let limits = limit.map(|(failures, per)| Limits {
            addresses: CellRate::new(failures, per / failures.get()),
            names: CellRate::new(failures, per / failures.get()),
            hasher: RandomState::new(),
        });
        Self { limits, limited: AtomicU64::new(0) }
    }

    /// Whether `peer` may make an attempt, with the password of the user `name` where one is given; asking does not
    /// count.
    ///
    /// # Errors
    /// How long it has to wait.
    pub(crate) fn admit(
        &self,
        peer: Option<IpAddr>,
        name: Option<&str>,
        now: Instant,
    ) -> Result<(), Duration> {
        let Some(limits) = &self.limits else { return Ok(()) };
        let Counted { address, name } = limits.counted(peer, name);
        let admitted = limits.addresses.ask(&address, now);
        self.count(admitted.and_then(|()| name.map_or(Ok(()), |name| limits.names.ask(&name, now))))
    }

    /// Begins an attempt of `peer`, with the password of the user `name` where one is given.
    ///
    /// # Errors
    /// How long it has to wait.
    pub(crate) fn begin(
        self: &Arc<Self>,
        peer: Option<IpAddr>,
        name: Option<&str>,
        now: Instant,
    ) -> Result<Attempt, Duration> {
        let attempts = Arc::clone(self);
        let Some(limits) = &self.limits else { return Ok(Attempt { attempts, counted: None }) };
        let counted = limits.counted(peer, name);
        self.count(limits.addresses.take(counted.address, now))?;
        if let Some(name) = counted.name
            && let Err(wait) = self.count(limits.names.take(name, now))
        {
            limits.addresses.give_back(&counted.address, now);
            return Err(wait);
        }
        Ok(Attempt { attempts, counted: Some(counted) })
    }

    /// Counts an attempt that is not admitted; returns whether it is.
    pub(crate) fn count(&self, admitted: Result<(), Duration>) -> Result<(), Duration> {
        self.limited.fetch_add(admitted.is_err().into(), Ordering::Relaxed);
        admitted
    }

    /// How many attempts were not authenticated, since the start.
    pub(crate) fn limited(&self) -> u64 {
        self.limited.load(Ordering::Relaxed)
    }
}

impl Limits {
    fn counted(&self, peer: Option<IpAddr>, name: Option<&str>) -> Counted {
        Counted { address: network(peer), name: name.map(|name| self.hasher.hash_one(name)) }
    }
}

impl Attempt {
    /// It has failed.
    pub(crate) fn fail(mut self) {
        self.counted = None;
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if let (Some(limits), Some(Counted { address, name })) =
            (&self.attempts.limits, self.counted)
        {
            let now = Instant::now();
            limits.addresses.give_back(&address, now);
            name.iter().for_each(|name| limits.names.give_back(name, now));
        }
    }
}

/// The address under which a peer is counted: of IPv6 the /64, since a host has a whole one to itself (RFC 4291
/// §2.5.4).
pub(crate) fn network(peer: Option<IpAddr>) -> Option<IpAddr> {
    peer.map(|address| match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        four => four,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempts(failures: u32) -> Arc<Attempts> {
        let failures = NonZeroU32::new(failures).unwrap();
        Arc::new(Attempts::new(Some((failures, Duration::from_secs(3600)))))
    }

    fn peer(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn addresses_are_counted_one_by_one_and_ipv6_by_network() {
        let now = Instant::now();
        for (failing, limited, free) in [
            ("192.0.2.1", "192.0.2.1", "192.0.2.2"),
            ("192.0.2.1", "::ffff:192.0.2.1", "::ffff:192.0.2.2"),
            ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", "2001:db8:0:2::1"),
        ] {
            let attempts = attempts(1);
            attempts.begin(peer(failing), None, now).unwrap().fail();
            assert!(attempts.admit(peer(limited), None, now).is_err(), "{limited}");
            assert!(attempts.begin(peer(limited), None, now).is_err(), "{limited}");
            assert_eq!(attempts.limited(), 2);
            assert_eq!(attempts.admit(peer(free), None, now), Ok(()), "{free}");
            assert_eq!(attempts.admit(None, None, now), Ok(()));
        }
        let attempts = attempts(1);
        attempts.begin(None, None, now).unwrap().fail();
        assert!(attempts.admit(None, None, now).is_err(), "those without an address are one");
    }

    #[test]
    fn names_are_counted_from_wherever_the_attempts_come() {
        let (attempts, now) = (attempts(3), Instant::now());
        for address in ["192.0.2.1", "192.0.2.2", "192.0.2.3"] {
            attempts.begin(peer(address), Some("alice"), now).unwrap().fail();
        }
        let other = peer("192.0.2.4");
        assert!(attempts.begin(other, Some("alice"), now).is_err());
        assert!(attempts.admit(other, Some("alice"), now).is_err());
        assert_eq!(attempts.admit(other, Some("bob"), now), Ok(()));
        for _ in 0..3 {
            // What the name was refused does not count for the address.
            attempts.begin(other, None, now).unwrap().fail();
        }
        assert!(attempts.admit(other, None, now).is_err());
    }

    #[test]
    fn an_attempt_counts_while_it_is_made_and_afterwards_only_if_it_failed() {
        let (attempts, now) = (attempts(1), Instant::now());
        let one = peer("192.0.2.1");
        for _ in 0..10 {
            let attempt = attempts.begin(one, Some("alice"), now).unwrap();
            assert!(attempts.begin(one, None, now).is_err());
            assert!(attempts.begin(None, Some("alice"), now).is_err());
            drop(attempt);
        }
        attempts.begin(one, Some("alice"), now).unwrap().fail();
        assert!(attempts.admit(one, None, now).is_err());
        assert!(attempts.admit(None, Some("alice"), now).is_err());
    }

    #[test]
    fn without_a_limit_everything_is_admitted() {
        let (attempts, now) = (Arc::new(Attempts::new(None)), Instant::now());
        for _ in 0..1000 {
            attempts.begin(peer("192.0.2.1"), Some("alice"), now).unwrap().fail();
        }
        assert_eq!(attempts.admit(peer("192.0.2.1"), Some("alice"), now), Ok(()));
        assert_eq!(attempts.limited(), 0);
    }
}
