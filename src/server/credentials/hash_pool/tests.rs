//! The guarantees of the pool, with work that ends on command.

use std::sync::mpsc::{Sender, channel};

use actix_web::rt::{
    spawn,
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::*;

/// Ends with what `run` gives, or with [`QueueFull`].
type Task = JoinHandle<Result<io::Result<u64>, QueueFull>>;

/// Gives the pool work that ends with what it is sent.
fn work(pool: &Arc<HashPool>) -> (Sender<u64>, Task) {
    let (pool, (end, told)) = (Arc::clone(pool), channel());
    let task = async move {
        let permit = pool.acquire(SecretKind::ApiKey).await?;
        Ok(permit.run(move || told.recv().unwrap_or(0)).await)
    };
    (end, spawn(task))
}

/// Waits until the condition holds.
async fn eventually(condition: impl Fn() -> bool) {
    let waited = async {
        while !condition() {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(Duration::from_secs(20), waited).await.expect("the condition never holds");
}

/// A pool of one thread that is busy until told, and a full queue before it.
async fn full() -> (Arc<HashPool>, Sender<u64>, Vec<(Sender<u64>, Task)>) {
    let pool = Arc::new(HashPool::new(1));
    let (end, _) = work(&pool);
    eventually(|| pool.running() == 1).await;
    let waiting = (0..QUEUE_PER_THREAD).map(|_| work(&pool)).collect();
    eventually(|| pool.waiting() == QUEUE_PER_THREAD).await;
    (pool, end, waiting)
}

#[actix_web::test]
async fn as_much_work_runs_at_once_as_there_are_threads_in_order_of_arrival() {
    let pool = Arc::new(HashPool::new(2));
    let (first, one) = work(&pool);
    let (second, two) = work(&pool);
    eventually(|| pool.running() == 2).await;
    let (third, three) = work(&pool);
    let (fourth, four) = work(&pool);
    eventually(|| pool.waiting() == 2).await;
    assert_eq!(pool.running(), 2);
    fourth.send(4).unwrap();
    first.send(1).unwrap();
    assert_eq!(one.await.unwrap().unwrap().unwrap(), 1);
    eventually(|| pool.waiting() == 1).await;
    assert!(!four.is_finished(), "it comes after the third");
    third.send(3).unwrap();
    second.send(2).unwrap();
    for (task, told) in [(two, 2), (three, 3), (four, 4)] {
        assert_eq!(task.await.unwrap().unwrap().unwrap(), told);
    }
    assert_eq!((pool.running(), pool.waiting(), pool.done().0), (0, 0, 4));
}

#[actix_web::test]
async fn a_full_queue_refuses_at_once_and_says_when_it_will_be_empty() {
    let (pool, _end, _waiting) = full().await;
    pool.done.store(10, Ordering::Relaxed);
    pool.busy.store(Duration::from_millis(500).as_nanos() as u64, Ordering::Relaxed);
    let refused = pool.acquire(SecretKind::ApiKey).await.err();
    let (ahead, mean) = (QUEUE_PER_THREAD as u32 + 1, Duration::from_millis(50));
    assert_eq!(refused, Some(QueueFull { retry_after: mean * ahead }));
    assert_eq!((pool.refused(), pool.waiting()), (1, QUEUE_PER_THREAD));
}

#[actix_web::test]
async fn a_caller_that_is_dropped_while_waiting_frees_its_slot_and_its_work_is_not_begun() {
    let (pool, end, waiting) = full().await;
    // Told already: they would end at once if they were begun.
    for (end, task) in &waiting {
        end.send(9).unwrap();
        task.abort();
    }
    eventually(|| pool.waiting() == 0).await;
    assert_eq!((pool.dropped(), pool.running()), (QUEUE_PER_THREAD as u64, 1));
    let (last, task) = work(&pool);
    eventually(|| pool.waiting() == 1).await;
    end.send(1).unwrap();
    last.send(2).unwrap();
    assert_eq!(task.await.unwrap().unwrap().unwrap(), 2);
    assert_eq!(pool.done().0, 2, "the first and the last");
}

#[actix_web::test]
async fn work_that_was_begun_finishes_even_if_its_caller_is_dropped() {
    let pool = Arc::new(HashPool::new(1));
    let (end, task) = work(&pool);
    eventually(|| pool.running() == 1).await;
    task.abort();
    eventually(|| task.is_finished()).await;
    assert_eq!((pool.running(), pool.done().0, pool.dropped()), (1, 0, 0));
    end.send(1).unwrap();
    eventually(|| pool.done().0 == 1 && pool.running() == 0).await;
}

#[actix_web::test]
async fn a_panic_costs_the_caller_its_answer_and_the_pool_nothing() {
    let pool = Arc::new(HashPool::new(1));
    for _ in 0..2 {
        let permit = pool.acquire(SecretKind::ApiKey).await.ok().unwrap();
        let panics = || -> u64 { panic!("on purpose") };
        assert!(permit.run(panics).await.is_err());
    }
    eventually(|| pool.running() == 0).await;
    let permit = pool.acquire(SecretKind::ApiKey).await.ok().unwrap();
    assert_eq!(permit.run(|| 1).await.unwrap(), 1);
}

#[actix_web::test]
async fn keys_come_before_passwords_whatever_came_first() {
    let pool = Arc::new(HashPool::new(1));
    let (end, _) = work(&pool);
    eventually(|| pool.running() == 1).await;
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    let mut tasks = Vec::new();
    for kind in [SecretKind::Password, SecretKind::ApiKey, SecretKind::Password, SecretKind::ApiKey]
    {
        let (pool, order) = (Arc::clone(&pool), Arc::clone(&order));
        let waiting = pool.waiting();
        tasks.push(spawn({
            let pool = Arc::clone(&pool);
            async move {
                let permit = pool.acquire(kind).await.ok().unwrap();
                permit.run(move || order.lock().unwrap().push(kind)).await.unwrap();
            }
        }));
        eventually(|| pool.waiting() == waiting + 1).await;
    }
    end.send(1).unwrap();
    for task in tasks {
        task.await.unwrap();
    }
    use SecretKind::{ApiKey, Password};
    assert_eq!(*order.lock().unwrap(), [ApiKey, ApiKey, Password, Password]);
}

#[cfg(target_os = "linux")]
#[actix_web::test]
async fn passwords_are_hashed_at_low_priority_and_nothing_else_is() {
    let niceness = || rustix::process::getpriority_process(None).unwrap();
    let (pool, here) = (Arc::new(HashPool::new(1)), niceness());
    for (kind, nice) in [(SecretKind::Password, NICE), (SecretKind::ApiKey, 0)] {
        let permit = pool.acquire(kind).await.ok().unwrap();
        assert_eq!(permit.run(niceness).await.unwrap(), (here + nice).min(19));
        assert_eq!(niceness(), here);
    }
}
