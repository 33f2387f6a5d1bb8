//! What the lane promises, with work that ends when it is told to.
//!
//! Must not know clocks: nothing here waits for luck.

use std::sync::mpsc::{Sender, channel};

use actix_web::rt::{
    spawn,
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::*;

/// Ends with what `run` gives, or with [`Full`].
type Task = JoinHandle<Result<io::Result<u64>, Full>>;

/// Gives the lane work that ends when it is told to, with what it is told.
fn work(lane: &Arc<Lane>) -> (Sender<u64>, Task) {
    let (lane, (end, told)) = (Arc::clone(lane), channel());
    let task = async move {
        let turn = lane.turn().await?;
        Ok(turn.run(move || told.recv().unwrap_or(0)).await)
    };
    (end, spawn(task))
}

/// Waits for a condition, never for luck.
async fn until(condition: impl Fn() -> bool) {
    let waited = async {
        while !condition() {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(Duration::from_secs(20), waited).await.expect("in vain");
}

/// A lane of one thread that is busy until told, and a full queue before it.
async fn full() -> (Arc<Lane>, Sender<u64>, Vec<(Sender<u64>, Task)>) {
    let lane = Arc::new(Lane::new(1));
    let (end, _) = work(&lane);
    until(|| lane.running() == 1).await;
    let waiting = (0..PLACES).map(|_| work(&lane)).collect();
    until(|| lane.waiting() == PLACES).await;
    (lane, end, waiting)
}

#[actix_web::test]
async fn as_much_is_done_at_once_as_there_are_threads_and_in_order() {
    let lane = Arc::new(Lane::new(2));
    let (first, one) = work(&lane);
    let (second, two) = work(&lane);
    until(|| lane.running() == 2).await;
    let (third, three) = work(&lane);
    let (fourth, four) = work(&lane);
    until(|| lane.waiting() == 2).await;
    assert_eq!(lane.running(), 2);
    fourth.send(4).unwrap();
    first.send(1).unwrap();
    assert_eq!(one.await.unwrap().unwrap().unwrap(), 1);
    until(|| lane.waiting() == 1).await;
    assert!(!four.is_finished(), "it comes after the third");
    third.send(3).unwrap();
    second.send(2).unwrap();
    for (task, told) in [(two, 2), (three, 3), (four, 4)] {
        assert_eq!(task.await.unwrap().unwrap().unwrap(), told);
    }
    assert_eq!((lane.running(), lane.waiting(), lane.done().0), (0, 0, 4));
}

#[actix_web::test]
async fn a_full_queue_refuses_at_once_and_says_when_it_will_be_empty() {
    let (lane, _end, _waiting) = full().await;
    lane.done.store(10, Ordering::Relaxed);
    lane.busy.store(Duration::from_millis(500).as_nanos() as u64, Ordering::Relaxed);
    let refused = lane.turn().await.err();
    let (ahead, mean) = (PLACES as u32 + 1, Duration::from_millis(50));
    assert_eq!(refused, Some(Full { retry_after: mean * ahead }));
    assert_eq!((lane.refused(), lane.waiting()), (1, PLACES));
}

#[actix_web::test]
async fn whoever_goes_while_waiting_gives_the_place_back_and_is_not_served() {
    let (lane, end, waiting) = full().await;
    // Told already: they would end at once if they were begun.
    for (end, task) in &waiting {
        end.send(9).unwrap();
        task.abort();
    }
    until(|| lane.waiting() == 0).await;
    assert_eq!((lane.dropped(), lane.running()), (PLACES as u64, 1));
    let (last, task) = work(&lane);
    until(|| lane.waiting() == 1).await;
    end.send(1).unwrap();
    last.send(2).unwrap();
    assert_eq!(task.await.unwrap().unwrap().unwrap(), 2);
    assert_eq!(lane.done().0, 2, "the first and the last");
}

#[actix_web::test]
async fn work_that_was_begun_ends_though_its_caller_goes() {
    let lane = Arc::new(Lane::new(1));
    let (end, task) = work(&lane);
    until(|| lane.running() == 1).await;
    task.abort();
    until(|| task.is_finished()).await;
    assert_eq!((lane.running(), lane.done().0, lane.dropped()), (1, 0, 0));
    end.send(1).unwrap();
    until(|| lane.done().0 == 1 && lane.running() == 0).await;
}

#[actix_web::test]
async fn a_panic_costs_the_caller_its_answer_and_the_lane_nothing() {
    let lane = Arc::new(Lane::new(1));
    for _ in 0..2 {
        let turn = lane.turn().await.ok().unwrap();
        let panics = || -> u64 { panic!("on purpose") };
        assert!(turn.run(panics).await.is_err());
    }
    until(|| lane.running() == 0).await;
    let turn = lane.turn().await.ok().unwrap();
    assert_eq!(turn.run(|| 1).await.unwrap(), 1);
}

#[cfg(target_os = "linux")]
#[actix_web::test]
async fn the_work_gives_way_and_nothing_else_does() {
    let niceness = || rustix::process::getpriority_process(None).unwrap();
    let here = niceness();
    let turn = Arc::new(Lane::new(1)).turn().await.ok().unwrap();
    let there = turn.run(niceness).await.unwrap();
    assert_eq!(there, (here + NICE).min(19));
    assert_eq!(niceness(), here);
}
