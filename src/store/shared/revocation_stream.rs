//! The stream that tells of new revocations, and how far a reader of it has come.

use std::{collections::HashMap, time::Duration};

use jiff::Timestamp;
use redis::{Value, cmd};

use crate::store::{
    shared::redis_connection::{ANSWER_TIME, RedisConnection, RedisFault},
    state_log::Revocation,
};

pub(super) const STREAM: &str = "hallpass:revocations";
pub(super) const COUNT: &str = "hallpass:revocations:count";

/// How many are read in one round trip: as many of the longest fit into the largest answer.
pub(super) const BATCH: usize = 500;
/// The longest `jti` that is read, in bytes: that of a token for a backend grows with what it was issued for, and no token
/// is longer.
pub(super) const LONGEST_ID: usize = 8 * 1024;

/// The id of the last entry of the stream, and the count, however large they are. KEYS: stream, count.
const END: &str = r"
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
return {last and last[1] or '0-0', redis.call('GETRANGE', KEYS[2], 0, 20)}
";

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

pub(super) fn revocation(id: &[u8], until: &[u8]) -> Option<Revocation> {
    // Whoever signs tokens with our key chooses the `jti`.
    let is_id = !id.is_empty() && id.len() <= LONGEST_ID;
    let id = String::from_utf8(id.to_vec()).ok().filter(|_| is_id)?;
    // Later seconds than time itself has would overflow.
    let until = number(until).filter(|until| Timestamp::from_second(*until).is_ok())?;
    Some(Revocation { id, until })
}

pub(super) fn number(text: &[u8]) -> Option<i64> {
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
