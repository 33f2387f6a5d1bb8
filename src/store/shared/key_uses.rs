//! When API keys were last used, in Redis: a hash from key ids to seconds.

use std::collections::HashMap;

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

/// Records uses, unless they are known to the minute, and returns what is recorded.
///
/// # Errors
/// Some may not be recorded, or what is cannot be read.
pub(super) async fn exchange(
    connection: &RedisConnection,
    uses: &[KeyUse],
) -> Result<Vec<KeyUse>, RedisFault> {
    for batch in uses.chunks(BATCH) {
        let mut record = cmd("EVAL");
        record.arg(RECORD).arg(1).arg(USES).arg(KEPT).arg(KEY_USE_SECONDS);
        for KeyUse { key_id, second } in batch {
            record.arg(key_id).arg(second);
        }
        connection.ask::<()>(&record).await?;
    }
    let found: HashMap<Vec<u8>, Vec<u8>> = connection.ask(cmd("HGETALL").arg(USES)).await?;
    let read = |(key_id, second): (Vec<u8>, Vec<u8>)| {
        let second = String::from_utf8(second).ok()?.parse().ok()?;
        Some(KeyUse { key_id: String::from_utf8(key_id).ok()?, second })
    };
    Ok(found.into_iter().filter_map(read).collect())
}
