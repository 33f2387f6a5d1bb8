//! The revocations in Redis: a key for each of them, which expires by itself, and a stream that tells of new ones.
//!
//! A number counts what was added, and every entry of the stream has its own, so that a reader notices what it missed. A
//! new count begins at the time, in microseconds, so that it never continues one that was lost.

use std::{collections::HashMap, time::Duration};

use jiff::Timestamp;
use redis::{Pipeline, Value, cmd};

use crate::store::{
    revocation_table::entry_bytes,
    shared::{
        link::{LARGEST_SET, too_large},
        redis_connection::{ANSWER_TIME, RedisConnection, RedisFault},
    },
    state_log::Revocation,
};

/// Before the `jti`; the value is the second from which the token would not be accepted anyway.
const REVOKED: &str = "hallpass:revoked:";
const STREAM: &str = "hallpass:revocations";
const COUNT: &str = "hallpass:revocations:count";

/// About how many entries the stream keeps. Whoever falls further behind reads the whole set.
const STREAM_LENGTH: usize = 10_000;
/// How many are read in one round trip: as many of the longest fit into the largest answer.
const BATCH: usize = 500;
/// How many are written by one script: other commands wait while it runs.
const SCRIPT_BATCH: usize = 200;
/// How many scripts are sent in one round trip.
const SCRIPTS: usize = 8;
/// The longest `jti` that is read, in bytes: that of a token for a backend grows with what it was issued for, and no token
/// is longer.
const LONGEST_ID: usize = 8 * 1024;

/// The id of the last entry of the stream, and the count, however large they are. KEYS: stream, count.
const END: &str = r"
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
return {last and last[1] or '0-0', redis.call('GETRANGE', KEYS[2], 0, 20)}
";

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

/// How far a reader has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Position {
    /// The last entry of the stream that it has read.
    id: String,
    /// The highest count that it knows of.
    count: Option<i64>,
}

/// The end of the stream.
///
/// # Errors
/// It cannot be read.
pub(super) async fn end(connection: &RedisConnection) -> Result<Position, RedisFault> {
    let mut end = cmd("EVAL");
    end.arg(END).arg(2).arg(STREAM).arg(COUNT);
    let (id, count): (String, Vec<u8>) = connection.ask(&end).await?;
    Ok(Position { id, count: number(&count) })
}

impl Position {
    /// Whether everything has been read that was added before the count was `count`.
    pub(super) fn reaches(&self, count: Option<i64>) -> bool {
        match (count, self.count) {
            (Some(count), Some(known)) => known >= count,
            (count, known) => count == known,
        }
    }

    /// Whether this count is less than what is known of, so that it is another one: that of a Redis that went back to an
    /// older state, or began anew by a clock that is behind.
    pub(super) fn is_ahead_of(&self, count: Option<i64>) -> bool {
        self.count.zip(count).is_some_and(|(known, count)| known > count)
    }

    /// Whether nothing was counted yet, or the count is lost.
    pub(super) fn has_no_count(&self) -> bool {
        self.count.is_none()
    }

    /// Moves past an entry. Returns whether none is missing before it.
    fn pass(&mut self, entry: &StreamEntry) -> bool {
        self.id.clone_from(&entry.id);
        let Some(count) = entry.count else { return true };
        let follows = self.count.is_none_or(|known| count <= known.saturating_add(1));
        self.count = self.count.max(Some(count));
        follows
    }
}

/// What was read from the stream.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct News {
    pub(super) revocations: Vec<Revocation>,
    /// How many entries are not understood.
    pub(super) unknown: u64,
    /// Whether entries are missing.
    pub(super) has_gap: bool,
    /// Whether there may be more.
    pub(super) is_full: bool,
}

/// Waits for entries behind `position`, and moves it past them.
///
/// # Errors
/// The stream cannot be read.
pub(super) async fn follow(
    connection: &RedisConnection,
    position: &mut Position,
    wait: Duration,
) -> Result<News, RedisFault> {
    let mut read = cmd("XREAD");
    read.arg("COUNT").arg(BATCH).arg("BLOCK").arg(wait.as_millis().max(1) as u64);
    read.arg("STREAMS").arg(STREAM).arg(&position.id);
    let answer: Value = connection.ask_within(&read, wait + ANSWER_TIME).await?;
    // A list with one stream, which is a list of its name and its entries.
    let mut streams = list(answer).into_iter().flat_map(list);
    let read = streams.nth(1).map(entries).unwrap_or_default();
    Ok(news(read, position))
}

fn news(entries: Vec<StreamEntry>, position: &mut Position) -> News {
    let mut news = News { is_full: entries.len() >= BATCH, ..News::default() };
    for entry in entries {
        news.has_gap |= !position.pass(&entry);
        match entry.revocation {
            Some(revocation) => news.revocations.push(revocation),
            None => news.unknown += 1,
        }
    }
    news
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

/// An entry of the stream; whatever is in it that we do not know is not read.
#[derive(Debug, PartialEq, Eq)]
struct StreamEntry {
    id: String,
    count: Option<i64>,
    revocation: Option<Revocation>,
}

/// The entries of an answer that are entries.
fn entries(answer: Value) -> Vec<StreamEntry> {
    let entry = |entry: Value| {
        let mut parts = list(entry).into_iter();
        let id = parts.next().and_then(text).and_then(|id| String::from_utf8(id).ok())?;
        let mut fields = HashMap::new();
        let mut words = parts.next().map(list).unwrap_or_default().into_iter().map(text);
        while let (Some(name), Some(value)) = (words.next(), words.next()) {
            fields.insert(name.unwrap_or_default(), value.unwrap_or_default());
        }
        let field = |name: &str| fields.get(name.as_bytes());
        let named = field("id").zip(field("until"));
        Some(StreamEntry {
            id,
            count: field("count").and_then(|count| number(count)),
            revocation: named.and_then(|(id, until)| revocation(id, until)),
        })
    };
    list(answer).into_iter().filter_map(entry).collect()
}

fn revocation(id: &[u8], until: &[u8]) -> Option<Revocation> {
    // Whoever signs tokens with our key chooses the `jti`.
    let is_id = !id.is_empty() && id.len() <= LONGEST_ID;
    let id = String::from_utf8(id.to_vec()).ok().filter(|_| is_id)?;
    // Later seconds than time itself has would overflow.
    let until = number(until).filter(|until| Timestamp::from_second(*until).is_ok())?;
    Some(Revocation { id, until })
}

fn number(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn list(value: Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items,
        _ => Vec::new(),
    }
}

fn text(value: Value) -> Option<Vec<u8>> {
    match value {
        Value::BulkString(text) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: &str, fields: &[&str]) -> Value {
        let word = |word: &str| Value::BulkString(word.as_bytes().to_vec());
        let fields = fields.iter().map(|field| word(field)).collect();
        Value::Array(vec![word(id), Value::Array(fields)])
    }

    fn at(id: &str, count: Option<i64>) -> Position {
        Position { id: id.to_owned(), count }
    }

    fn read(position: &mut Position, entry: Value) -> News {
        news(entries(Value::Array(vec![entry])), position)
    }

    #[test]
    fn entries_that_follow_each_other_leave_no_gap() {
        let mut position = at("1-0", Some(7));
        let news = read(
            &mut position,
            entry("2-0", &["count", "8", "id", "a", "until", "10", "more", "x"]),
        );
        let revocations = vec![Revocation { id: "a".to_owned(), until: 10 }];
        assert_eq!(news, News { revocations, ..News::default() });
        assert_eq!(position, at("2-0", Some(8)));
        assert!(!read(&mut position, entry("3-0", &["count", "8"])).has_gap, "known already");
        assert!(read(&mut position, entry("4-0", &["count", "10"])).has_gap);
        assert_eq!(position, at("4-0", Some(10)));
    }

    #[test]
    fn a_reader_notices_what_was_added_lost_or_begun_anew() {
        let position = at("1-0", Some(7));
        assert!(position.reaches(Some(7)) && position.reaches(Some(6)));
        for count in [Some(8), Some(1_700_000_000_000_000), None] {
            assert!(!position.reaches(count), "{count:?}");
        }
        assert!(at("0-0", None).reaches(None) && !at("0-0", None).reaches(Some(1)));
        for (count, is_ahead) in
            [(Some(6), true), (Some(7), false), (Some(8), false), (None, false)]
        {
            assert_eq!(position.is_ahead_of(count), is_ahead, "{count:?}");
        }
        assert!(!at("0-0", None).is_ahead_of(Some(1)));
    }

    #[test]
    fn entries_of_others_are_counted_and_passed() {
        let long = "x".repeat(LONGEST_ID + 1);
        for fields in [
            &["a", "b"][..],
            &["id"],
            &["id", "a"],
            &["id", "", "until", "1"],
            &["id", "a", "until", ""],
            &["id", "a", "until", "9223372036854775807"],
            &["id", "a", "until", "99999999999999999999"],
            &["id", &long, "until", "1"],
        ] {
            let mut position = at("1-0", Some(7));
            let found = read(&mut position, entry("2-0", fields));
            assert_eq!(found, News { unknown: 1, ..News::default() }, "{fields:?}");
            assert_eq!(position, at("2-0", Some(7)));
        }
        for answer in [Value::Nil, Value::Int(1), Value::Array(vec![Value::Nil]), Value::Okay] {
            assert_eq!(entries(answer), []);
        }
    }
}
