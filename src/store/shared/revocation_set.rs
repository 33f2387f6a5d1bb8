//! The revocations in Redis: a key for each of them, which expires by itself. A stream tells of new ones.
//!
//! A number counts what was added, and every entry of the stream has its own, so that a reader notices what it missed. A
//! new count begins at the time, in microseconds, so that it never continues one that was lost.

use jiff::Timestamp;
use redis::{Pipeline, cmd};

use crate::store::{
    revocation_table::entry_bytes,
    shared::{
        link::{LARGEST_SET, too_large},
        redis_connection::{RedisConnection, RedisFault},
        revocation_stream::{BATCH, COUNT, LONGEST_ID, STREAM, end, number, revocation},
    },
    state_log::Revocation,
};

/// Before the `jti`; the value is the second from which the token would not be accepted anyway.
const REVOKED: &str = "hallpass:revoked:";
/// About how many entries the stream keeps. Whoever falls further behind reads the whole set.
const STREAM_LENGTH: usize = 10_000;
/// How many are written by one script: other commands wait while it runs.
const SCRIPT_BATCH: usize = 200;
/// How many scripts are sent in one round trip.
const SCRIPTS: usize = 8;
/// Reads a page of the set: the next cursor, how many keys are no revocations, then ids and values. Of a value that is
/// too long to be one, so much is read that it shows.
///
/// ARGV: cursor, what keys begin with, about how many, the longest id.
const READ: &str = r"
local page, found, unknown = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2] .. '*', 'COUNT', ARGV[3]), {}, 0
for _, key in ipairs(page[2]) do
  local id, value = string.sub(key, #ARGV[2] + 1), redis.pcall('GETRANGE', key, 0, 20)
  if type(value) ~= 'string' or #value > 20 or #id > tonumber(ARGV[4]) then
    unknown = unknown + 1
  elseif value ~= '' then
    found[#found + 1] = id
    found[#found + 1] = value
  end
end
return {page[1], unknown, found}
";

/// Adds the revocations that are not there. Each key comes last: where anything before fails, nothing counts as written.
///
/// KEYS: stream, count, then a revocation each. ARGV: the first count, the length of the stream, then for each revocation
/// until, milliseconds until then, id.
const ADD: &str = r"
local longest = 0
for i = 3, #KEYS do
  local until_then, left, id = ARGV[3 * i - 6], ARGV[3 * i - 5], ARGV[3 * i - 4]
  if redis.call('EXISTS', KEYS[i]) == 0 then
    if longest == 0 then redis.call('SET', KEYS[2], ARGV[1], 'NX') end
    longest = math.max(longest, tonumber(left))
    local count = string.format('%.0f', redis.call('INCR', KEYS[2]))
    redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], '*', 'count', count, 'id', id, 'until', until_then)
    redis.call('SET', KEYS[i], until_then, 'PX', left)
  end
end
for i = 1, 2 do
  if longest > 0 and redis.call('PTTL', KEYS[i]) < longest then redis.call('PEXPIRE', KEYS[i], longest) end
end
return 0
";

/// Puts back what is not there. Nobody is told one by one: the count jumps, and whoever has not added to it reads all.
///
/// KEYS: count, then a revocation each. ARGV: the first count, then for each revocation until and milliseconds until then.
const PUT_BACK: &str = r"
if redis.call('EXISTS', unpack(KEYS, 2)) == #KEYS - 1 then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'NX')
redis.call('INCR', KEYS[1])
local longest = 0
for i = 2, #KEYS do
  local until_then, left = ARGV[2 * i - 2], ARGV[2 * i - 1]
  longest = math.max(longest, tonumber(left))
  redis.call('SET', KEYS[i], until_then, 'PX', left, 'NX')
end
if redis.call('PTTL', KEYS[1]) < longest then redis.call('PEXPIRE', KEYS[1], longest) end
return 0
";

/// Adds revocations, and tells all replicas.
///
/// # Errors
/// Some of them may not be there.
pub(super) async fn add(
    connection: &RedisConnection,
    revocations: &[Revocation],
    now: Timestamp,
) -> Result<(), RedisFault> {
    for batch in revocations.chunks(SCRIPT_BATCH) {
        let mut add = cmd("EVAL");
        add.arg(ADD).arg(batch.len() + 2).arg(STREAM).arg(COUNT).arg(keys(batch));
        add.arg(now.as_microsecond()).arg(STREAM_LENGTH);
        for revocation in batch {
            add.arg(revocation.until).arg(milliseconds(revocation, now)).arg(&revocation.id);
        }
        connection.ask::<()>(&add).await?;
    }
    Ok(())
}

/// Adds revocations that Redis has lost, and has all replicas notice.
///
/// # Errors
/// Some of them may not be there.
pub(super) async fn put_back(
    connection: &RedisConnection,
    mut revocations: Vec<Revocation>,
    now: Timestamp,
) -> Result<(), RedisFault> {
    if revocations.len() <= SCRIPT_BATCH {
        return add(connection, &revocations, now).await;
    }
    // In the same order everywhere, so that a replica quickly passes what another one has just put back.
    revocations.sort_unstable_by(|one, other| one.id.cmp(&other.id));
    for batches in revocations.chunks(SCRIPT_BATCH * SCRIPTS) {
        let mut scripts = Pipeline::with_capacity(SCRIPTS);
        for batch in batches.chunks(SCRIPT_BATCH) {
            let script = scripts.cmd("EVAL");
            script.arg(PUT_BACK).arg(batch.len() + 1).arg(COUNT).arg(keys(batch));
            script.arg(now.as_microsecond());
            for revocation in batch {
                script.arg(revocation.until).arg(milliseconds(revocation, now));
            }
        }
        connection.ask_all(&scripts).await?;
    }
    Ok(())
}

fn keys(revocations: &[Revocation]) -> Vec<String> {
    revocations.iter().map(|revocation| format!("{REVOKED}{}", revocation.id)).collect()
}

/// Begins a count where there is none, for as long as these revocations live: its loss tells that all was lost.
///
/// # Errors
/// There may be none.
pub(super) async fn begin_count(
    connection: &RedisConnection,
    revocations: &[Revocation],
    now: Timestamp,
) -> Result<(), RedisFault> {
    let Some(left) = revocations.iter().map(|revocation| milliseconds(revocation, now)).max()
    else {
        return Ok(());
    };
    let mut begin = cmd("SET");
    begin.arg(COUNT).arg(now.as_microsecond()).arg("NX").arg("PX").arg(left);
    connection.ask(&begin).await
}

fn milliseconds(revocation: &Revocation, now: Timestamp) -> i64 {
    revocation.until.saturating_mul(1000).saturating_sub(now.as_millisecond()).max(1)
}

/// Whether the set may be read and written; changes nothing.
///
/// # Errors
/// It may not.
pub(super) async fn probe(connection: &RedisConnection) -> Result<(), RedisFault> {
    end(connection).await?;
    let mut write = cmd("EVAL");
    write.arg("return redis.call('PEXPIRE', KEYS[1], 1)").arg(1).arg(format!("{REVOKED}-"));
    connection.ask(&write).await
}

/// How many were added since the count began; none where there is no count.
///
/// # Errors
/// It cannot be read.
pub(super) async fn count(connection: &RedisConnection) -> Result<Option<i64>, RedisFault> {
    // What somebody else wrote there is none of ours, and is noticed as a gap.
    let value: Vec<u8> = connection.ask(cmd("GETRANGE").arg(COUNT).arg(0).arg(20)).await?;
    Ok(number(&value))
}

/// Ids and values as they are in Redis.
type Page = Vec<(Vec<u8>, Vec<u8>)>;

/// Reads all revocations, batch by batch. Returns how many keys are not understood.
///
/// # Errors
/// Not all of them could be read, or there are more than there can be.
pub(super) async fn read_all(
    connection: &RedisConnection,
    mut take: impl FnMut(Vec<Revocation>),
) -> Result<u64, RedisFault> {
    let (mut cursor, mut unknown, mut found) = (0_u64, 0, 0);
    loop {
        let mut read = cmd("EVAL");
        read.arg(READ).arg(0).arg(cursor).arg(REVOKED).arg(BATCH).arg(LONGEST_ID);
        let (next, not_ours, page): (u64, u64, Page) = connection.ask(&read).await?;
        found += page.iter().map(|(id, _)| entry_bytes(id.len())).sum::<usize>();
        if found > LARGEST_SET {
            return Err(too_large());
        }
        let revocations: Vec<_> =
            page.iter().filter_map(|(id, until)| revocation(id, until)).collect();
        unknown += not_ours + page.len().saturating_sub(revocations.len()) as u64;
        take(revocations);
        cursor = next;
        if cursor == 0 {
            return Ok(unknown);
        }
    }
}

/// The policy by which Redis makes room, where it may throw away revocations.
///
/// # Errors
/// It cannot be read.
pub(super) async fn eviction(connection: &RedisConnection) -> Result<Option<String>, RedisFault> {
    let text: Vec<u8> = connection.ask(cmd("INFO").arg("memory")).await?;
    let text = String::from_utf8_lossy(&text);
    let policy = text.lines().find_map(|line| line.strip_prefix("maxmemory_policy:"));
    let policy = policy.filter(|policy| *policy != "noeviction" && policy.len() < 40);
    Ok(policy.map(|policy| policy.escape_default().to_string()))
}
