//! Keeps Redis and this process in step: reads everything after each connect, then follows what others revoke.

use std::{
    collections::HashSet,
    convert::Infallible,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use tokio::time::sleep;

use crate::store::shared::{
    link::Link,
    redis_connection::{RedisConnection, RedisFault},
    revocation_set,
    revocation_stream::{self, Position},
};

/// Between two attempts to connect: the first time, and at most.
const PAUSE: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(3)];

/// After so long, one that refuses writes is left for whatever a new connection leads to: after a failover, the former
/// primary keeps its connections.
const REFUSING: Duration = Duration::from_secs(10);

/// How long Redis keeps a reader waiting that has read everything; between two looks for gaps.
const INTERVAL: Duration = Duration::from_secs(1);

/// Connects again and again. `settled` is called whenever an attempt has succeeded or failed.
pub(super) async fn run(link: &Link, settled: impl Fn()) -> Infallible {
    let [shortest, longest] = PAUSE;
    let mut pause = shortest;
    loop {
        let mut succeeded = false;
        let session = session(link, || {
            succeeded = true;
            settled();
        });
        let Err(fault) = session.await;
        link.disconnect(fault);
        settled();
        if succeeded {
            pause = shortest;
        }
        sleep(pause).await;
        pause = (pause * 2).min(longest);
    }
}

/// Follows Redis until that fails.
async fn session(link: &Link, connected: impl FnOnce()) -> Result<Infallible, RedisFault> {
    // A reader that waits keeps the commands behind it waiting.
    let (commands, _commands) = RedisConnection::open(&link.url).await?;
    let (reader, _reader) = RedisConnection::open(&link.url).await?;
    let mut position = synchronise(link, &commands).await?;
    link.connect(commands.clone());
    connected();
    let (begun, mut checked) = (Instant::now(), Instant::now());
    loop {
        let count = if checked.elapsed() < INTERVAL {
            None
        } else {
            checked = Instant::now();
            Some(revocation_set::count(&commands).await?)
        };
        // Before anything more is read.
        let is_another = count.is_some_and(|count| position.is_ahead_of(count));
        let news = revocation_stream::follow(&reader, &mut position, INTERVAL).await?;
        link.learn(news.revocations, news.unknown);
        link.check_size()?;
        let has_missed = |count| is_another || !news.is_full && !position.reaches(count);
        if news.has_gap || count.is_some_and(has_missed) || (count.is_some() && link.is_unwritten())
        {
            position = synchronise(link, &commands).await?;
            if let Some(fault) = link.fault().filter(|_| begun.elapsed() >= REFUSING) {
                return Err(fault);
            }
        } else if !news.is_full {
            link.catch_up(Instant::now());
        }
    }
}

/// Reads all revocations, and adds those that Redis lacks. Returns from where to follow.
async fn synchronise(link: &Link, connection: &RedisConnection) -> Result<Position, RedisFault> {
    let began = Instant::now();
    let position = revocation_stream::end(connection).await?;
    let mut found = HashSet::new();
    let unknown = revocation_set::read_all(connection, |revocations| {
        found.extend(revocations.iter().map(|revocation| revocation.id.clone()));
        link.learn(revocations, 0);
    });
    let unknown = unknown.await?;
    link.learn(Vec::new(), unknown);
    link.table.complete();
    link.catch_up(began);
    link.begin_writing();
    let now = Timestamp::now();
    let mut living = link.table.living(now.as_second());
    let written = async {
        if position.has_no_count() {
            revocation_set::begin_count(connection, &living, now).await?;
        }
        living.retain(|revocation| !found.contains(&revocation.id));
        revocation_set::put_back(connection, living, now).await
    };
    match written.await {
        Ok(()) => link.recover(),
        // It can be followed all the same.
        Err(fault @ (RedisFault::Answered(_) | RedisFault::Refused(_))) => link.fail(fault),
        Err(fault) => return Err(fault),
    }
    Ok(position)
}
