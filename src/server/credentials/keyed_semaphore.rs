//! A semaphore for each key, made when it is first needed and gone when nobody holds or awaits it.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Lets so many callers of one key pass at a time; the others wait, first come first served.
#[derive(Debug)]
pub(crate) struct KeyedSemaphore<K: Eq + Hash> {
    permits: usize,
    /// With how many hold or await a permit.
    semaphores: Mutex<HashMap<K, (usize, Arc<Semaphore>)>>,
}

/// A permit of one key, until it is dropped.
#[derive(Debug)]
pub(crate) struct KeyedPermit<K: Eq + Hash> {
    of: Arc<KeyedSemaphore<K>>,
    key: K,
    /// None while it is awaited.
    permit: Option<OwnedSemaphorePermit>,
}

impl<K: Eq + Hash + Clone> KeyedSemaphore<K> {
    pub(crate) fn new(permits: usize) -> Self {
        Self { permits, semaphores: Mutex::default() }
    }

    /// Waits for a permit of `key`.
    pub(crate) async fn acquire(self: &Arc<Self>, key: K) -> KeyedPermit<K> {
        let semaphore = {
            let mut semaphores = self.lock();
            let new = || (0, Arc::new(Semaphore::new(self.permits)));
            let (callers, semaphore) = semaphores.entry(key.clone()).or_insert_with(new);
            *callers += 1;
            Arc::clone(semaphore)
        };
        let mut permit = KeyedPermit { of: Arc::clone(self), key, permit: None };
        // The semaphore is never closed.
        permit.permit = semaphore.acquire_owned().await.ok();
        permit
    }
}

impl<K: Eq + Hash> KeyedSemaphore<K> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, (usize, Arc<Semaphore>)>> {
        self.semaphores.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash> Drop for KeyedPermit<K> {
    fn drop(&mut self) {
        self.permit = None;
        let mut semaphores = self.of.lock();
        if let Some((callers, _)) = semaphores.get_mut(&self.key) {
            *callers -= 1;
            if *callers == 0 {
                semaphores.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[actix_web::test]
    async fn so_many_of_one_key_pass_at_a_time_and_nothing_stays_behind() {
        let semaphore = Arc::new(KeyedSemaphore::new(2));
        let (one, two) = (semaphore.acquire("a").await, semaphore.acquire("a").await);
        let mut third = Box::pin(semaphore.acquire("a"));
        let mut fourth = Box::pin(semaphore.acquire("a"));
        assert!(third.as_mut().now_or_never().is_none());
        assert!(fourth.as_mut().now_or_never().is_none());
        let other = semaphore.acquire("b").await;
        drop(one);
        drop(third);
        let fourth = fourth.await;
        assert!(semaphore.acquire("a").now_or_never().is_none());
        drop((two, fourth, other));
        assert!(semaphore.lock().is_empty());
    }
}
