//! Whether the workers run: each tells so at regular intervals.

use std::{
    sync::{Arc, Mutex, PoisonError, Weak},
    time::{Duration, Instant},
};

use actix_web::rt::{spawn, time};

/// When a worker was last seen to run.
type Heartbeat = Mutex<Instant>;

/// The heartbeats of all workers. Clones share everything.
#[derive(Debug, Clone)]
pub(crate) struct Heartbeats {
    interval: Duration,
    /// One of a worker that has ended is gone.
    workers: Arc<Mutex<Vec<Weak<Heartbeat>>>>,
}

impl Heartbeats {
    /// No workers yet.
    pub(crate) fn new(interval: Duration) -> Self {
        Self { interval, workers: Arc::default() }
    }

    /// Has the worker of this thread tell that it runs, from now until it ends. A worker that is stuck tells nothing.
    pub(crate) fn begin(&self) {
        let heartbeat = Arc::new(Mutex::new(Instant::now()));
        self.workers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Arc::downgrade(&heartbeat));
        let interval = self.interval;
        spawn(async move {
            loop {
                time::sleep(interval).await;
                *heartbeat.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
            }
        });
    }

    /// Whether there are workers, and all of them have run within the last `limit`.
    pub(crate) fn all_within(&self, limit: Duration) -> bool {
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        workers.retain(|worker| worker.strong_count() > 0);
        let runs = |worker: &Heartbeat| {
            worker.lock().unwrap_or_else(PoisonError::into_inner).elapsed() < limit
        };
        !workers.is_empty() && workers.iter().filter_map(Weak::upgrade).all(|worker| runs(&worker))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::mpsc::{self, Receiver, Sender, TryRecvError},
        thread::{self, JoinHandle},
    };

    use super::*;

    /// A worker that ends when the sender is dropped, and is stuck for as long as what it is sent is open.
    fn worker(heartbeats: &Heartbeats) -> (Sender<Receiver<()>>, JoinHandle<()>) {
        let (sender, orders) = mpsc::channel::<Receiver<()>>();
        let heartbeats = heartbeats.clone();
        let work = async move {
            heartbeats.begin();
            loop {
                match orders.try_recv() {
                    Ok(stuck) => drop(stuck.recv()),
                    Err(TryRecvError::Empty) => time::sleep(Duration::from_millis(1)).await,
                    Err(TryRecvError::Disconnected) => break,
                }
            }
        };
        (sender, thread::spawn(|| actix_web::rt::System::new().block_on(work)))
    }

    #[test]
    fn workers_count_as_running_unless_one_is_stuck() {
        let limit = Duration::from_millis(200);
        let heartbeats = Heartbeats::new(limit / 10);
        let until = |expected: bool| {
            let end = Instant::now() + Duration::from_secs(10);
            while heartbeats.all_within(limit) != expected {
                assert!(Instant::now() < end, "it does not become {expected}");
                thread::sleep(limit / 20);
            }
        };
        until(false);
        let [first, second] = [(); 2].map(|()| worker(&heartbeats));
        until(true);
        let (release, stuck) = mpsc::channel();
        second.0.send(stuck).unwrap();
        until(false);
        drop(release);
        until(true);
        for (sender, thread) in [first, second] {
            drop(sender);
            thread.join().unwrap();
        }
        assert!(!heartbeats.all_within(limit), "without workers");
    }
}
