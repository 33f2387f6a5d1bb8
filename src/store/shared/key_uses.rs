//! When API keys were last used, in Redis: a hash from key ids to seconds.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use redis::cmd;

use crate::store::{
    shared::redis_connection::{RedisConnection, RedisFault},
    state_log::{KEY_USE_SECONDS, KeyUse},
};

const USES: &str = "hallpass:key-uses";

/// So long after the last use of any key the hash expires: more than a year, in milliseconds.
const KEPT: u64 = 400 * 24 * 60 * 60 * 1000;
/// How many are written in one round trip.
const BATCH: usize = 500;
/// About how many are read in one round trip, in how many of these, and for how long. The next call goes on from there.
const READ_BATCH: usize = 5000;
const READ_BATCHES: usize = 8;
const READ_TIME: Duration = Duration::from_secs(1);

/// A field of the hash, and its value.
type Pair = (Vec<u8>, Vec<u8>);

/// Writes what is newer by a minute. ARGV: milliseconds until all expire, seconds of a minute, then ids and seconds.
const RECORD: &str = r"
for i = 3, #ARGV, 2 do
  local known = tonumber(redis.call('HGET', KEYS[1], ARGV[i]) or '') or 0
  if tonumber(ARGV[i + 1]) >= known + tonumber(ARGV[2]) then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
    redis.call('PEXPIRE', KEYS[1], ARGV[1])
  end
end
return 0
";

/// Records uses, unless they are known to the minute, and returns what is recorded: of many a part, from `cursor` on, which
/// is moved behind it.
///
/// # Errors
/// Some may not be recorded, or what is cannot be read.
pub(super) async fn exchange(
    connection: &RedisConnection,
    uses: &[KeyUse],
    cursor: &AtomicU64,
) -> Result<Vec<KeyUse>, RedisFault> {
    let began = Instant::now();
    for batch in uses.chunks(BATCH) {
        let mut record = cmd("EVAL");
        record.arg(RECORD).arg(1).arg(USES).arg(KEPT).arg(KEY_USE_SECONDS);
        for KeyUse { key_id, second } in batch {
            record.arg(key_id).arg(second);
        }
        connection.ask::<()>(&record).await?;
    }
    let read = |(key_id, second): Pair| {
        let second = String::from_utf8(second).ok()?.parse().ok()?;
        Some(KeyUse { key_id: String::from_utf8(key_id).ok()?, second })
    };
    let mut found = Vec::new();
    for _ in 0..READ_BATCHES {
        let mut scan = cmd("HSCAN");
        scan.arg(USES).arg(cursor.load(Ordering::Relaxed)).arg("COUNT").arg(READ_BATCH);
        let (next, uses): (u64, Vec<Pair>) = connection.ask(&scan).await?;
        found.extend(uses.into_iter().filter_map(read));
        cursor.store(next, Ordering::Relaxed);
        if next == 0 || began.elapsed() >= READ_TIME {
            break;
        }
    }
    Ok(found)
}
