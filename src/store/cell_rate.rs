//! So many at once, and then one in each interval: the generic cell rate algorithm, one time for each key.
//!
//! Not the crate `governor`, which counts whenever it is asked and cannot give back.

use std::{
    collections::HashMap,
    hash::Hash,
    num::NonZeroU32,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// The most keys that are remembered, in about 3 MB. Beyond that, the half that owes least is forgotten: a key at its
/// limit stays, unless most of the others are at theirs.
const KEYS: usize = 50_000;

/// Counts what each key takes. Nothing is counted that is not allowed, so a key never owes more than its burst.
#[derive(Debug)]
pub(crate) struct CellRate<K> {
    burst: NonZeroU32,
    interval: Duration,
    /// When all that a key has taken will have been paid off.
    paid_off: Mutex<HashMap<K, Instant>>,
}

impl<K: Eq + Hash> CellRate<K> {
    /// Allows each key `burst` at once, and one more in each `interval`.
    pub(crate) fn new(burst: NonZeroU32, interval: Duration) -> Self {
        Self { burst, interval, paid_off: Mutex::default() }
    }

    /// Whether `key` may take one; asking does not count.
    ///
    /// # Errors
    /// How long it has to wait.
    pub(crate) fn ask(&self, key: &K, now: Instant) -> Result<(), Duration> {
        self.allow(self.lock().get(key).copied(), now)
    }

    /// Counts one for `key`, if that is allowed.
    ///
    /// # Errors
    /// How long it has to wait.
    pub(crate) fn take(&self, key: K, now: Instant) -> Result<(), Duration> {
        let mut paid_off = self.lock();
        if paid_off.len() >= KEYS {
            forget_half(&mut paid_off);
        }
        self.allow(paid_off.get(&key).copied(), now)?;
        let end = paid_off.entry(key).or_insert(now);
        *end = (*end).max(now) + self.interval;
        Ok(())
    }

    /// Takes back what [`Self::take`] counted.
    pub(crate) fn give_back(&self, key: &K, now: Instant) {
        let mut paid_off = self.lock();
        if let Some(end) = paid_off.get_mut(key) {
            *end = end.checked_sub(self.interval).unwrap_or(now);
            if *end <= now {
                paid_off.remove(key);
            }
        }
    }

    fn allow(&self, end: Option<Instant>, now: Instant) -> Result<(), Duration> {
        let owed = end.map_or(Duration::ZERO, |end| end.saturating_duration_since(now));
        // One more must fit.
        match owed.checked_sub(self.interval * (self.burst.get() - 1)) {
            None | Some(Duration::ZERO) => Ok(()),
            Some(wait) => Err(wait),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Instant>> {
        self.paid_off.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn forget_half<K: Eq + Hash>(paid_off: &mut HashMap<K, Instant>) {
    let mut ends: Vec<Instant> = paid_off.values().copied().collect();
    let half = ends.len() / 2;
    let (_, middle, _) = ends.select_nth_unstable(half);
    let middle = *middle;
    paid_off.retain(|_, end| *end > middle);
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn rate(burst: u32) -> CellRate<u128> {
        CellRate::new(NonZeroU32::new(burst).unwrap(), SECOND)
    }

    #[test]
    fn a_burst_is_allowed_at_once_and_then_one_in_each_interval() {
        for burst in [1, 3, 60] {
            let (rate, now) = (rate(burst), Instant::now());
            for _ in 0..burst {
                assert_eq!(rate.ask(&1, now), Ok(()));
                assert_eq!(rate.take(1, now), Ok(()));
            }
            assert_eq!(rate.take(1, now), Err(SECOND));
            assert_eq!(rate.ask(&1, now + SECOND / 4), Err(SECOND * 3 / 4));
            assert_eq!(rate.take(1, now + SECOND), Ok(()));
            assert_eq!(rate.take(1, now + SECOND), Err(SECOND));
            assert_eq!(rate.take(2, now), Ok(()), "another key");
        }
    }

    #[test]
    fn asking_does_not_count() {
        let (rate, now) = (rate(1), Instant::now());
        for _ in 0..100 {
            assert_eq!(rate.ask(&1, now), Ok(()));
        }
        assert!(rate.lock().is_empty());
    }

    #[test]
    fn what_is_refused_is_not_counted_so_a_key_owes_one_burst_at_most() {
        let (rate, now) = (rate(60), Instant::now());
        for _ in 0..8000 {
            let _ = rate.take(1, now);
        }
        assert_eq!(rate.ask(&1, now), Err(SECOND));
        assert_eq!(rate.lock()[&1], now + 60 * SECOND);
    }

    #[test]
    fn old_debts_are_paid_off_and_no_credit_builds_up() {
        let (rate, now) = (rate(2), Instant::now());
        for late in [0, 3600] {
            let now = now + SECOND * late;
            assert_eq!([rate.take(1, now), rate.take(1, now)], [Ok(()); 2]);
            assert!(rate.take(1, now).is_err());
        }
    }

    #[test]
    fn what_is_given_back_was_never_taken() {
        let (rate, now) = (rate(2), Instant::now());
        for _ in 0..100 {
            assert_eq!([rate.take(1, now), rate.take(1, now)], [Ok(()); 2]);
            rate.give_back(&1, now);
            assert_eq!(rate.take(1, now), Ok(()));
            assert!(rate.ask(&1, now).is_err());
            rate.give_back(&1, now);
            rate.give_back(&1, now);
        }
        rate.give_back(&1, now);
        assert!(rate.lock().is_empty());
    }

    #[test]
    fn memory_is_bounded_and_a_key_at_its_limit_is_not_forgotten() {
        let (rate, now) = (rate(60), Instant::now());
        for _ in 0..60 {
            rate.take(0, now).unwrap();
        }
        for other in 1..3 * KEYS as u128 {
            rate.take(other, now + Duration::from_nanos(other as u64)).unwrap();
            assert!(rate.lock().len() <= KEYS);
        }
        assert!(rate.ask(&0, now).is_err());
    }
}
