//! API keys that expire soon, and where the roster file says so.

use std::collections::HashMap;

use jiff::Timestamp;
use toml::de::DeTable;

use crate::{
    oauth::{key_id::KeyId, subject::Subject},
    roster::{roster::Roster, roster_entries::KeyRecord},
};

/// An API key that expires soon, or the last one of a client whose keys have all expired.
#[derive(Debug)]
pub(crate) struct ExpiringKey<'r> {
    pub(crate) client: &'r Subject,
    pub(crate) id: &'r KeyId,
    pub(crate) expires: Timestamp,
    /// Whether another key of the client is valid for longer.
    pub(crate) has_successor: bool,
}

impl Roster {
    /// The keys of enabled clients that expire up to `until`, the soonest first. Keys that have expired are of interest
    /// only where a client has no other.
    pub(crate) fn expiring_keys(&self, now: Timestamp, until: Timestamp) -> Vec<ExpiringKey<'_>> {
        let mut found = Vec::new();
        for client in self.clients().filter(|client| !client.disabled) {
            let ends = |key: &KeyRecord| key.expires.unwrap_or(Timestamp::MAX);
            let last = client.keys.iter().map(ends).max().unwrap_or(Timestamp::MAX);
            for key in &client.keys {
                let Some(expires) = key.expires.filter(|end| *end <= until) else { continue };
                if expires > now || expires == last {
                    let has_successor = last > until;
                    let (client, id) = (&client.name, &key.id);
                    found.push(ExpiringKey { client, id, expires, has_successor });
                }
            }
        }
        found.sort_by_key(|key| key.expires);
        found
    }
}

/// The line of `expires` of each key in the text of a roster.
pub(super) fn expiry_lines(text: &str) -> HashMap<KeyId, usize> {
    let (document, _) = DeTable::parse_recoverable(text);
    let clients =
        document.get_ref().get("clients").and_then(|clients| clients.get_ref().as_table());
    let keys = clients.into_iter().flat_map(DeTable::values).filter_map(|client| {
        let keys = client.get_ref().as_table()?.get("keys")?;
        keys.get_ref().as_array()
    });
    let mut offsets = Vec::new();
    for key in keys.flat_map(|keys| keys.iter()) {
        let Some(key) = key.get_ref().as_table() else { continue };
        let id = key.get("id").and_then(|id| id.get_ref().as_str());
        let id = id.and_then(|id| KeyId::parse(id).ok());
        if let (Some(id), Some(expires)) = (id, key.get("expires")) {
            offsets.push((expires.span().start, id));
        }
    }
    offsets.sort_by_key(|(offset, _)| *offset);
    let (mut line, mut counted) = (1, 0);
    let mut lines = HashMap::new();
    for (offset, id) in offsets {
        let between = text.as_bytes().get(counted..offset).unwrap_or_default();
        line += between.iter().filter(|byte| **byte == b'\n').count();
        counted = offset;
        lines.insert(id, line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// A client with keys that expire at these times; the ids are `<client>00000000000`.. by number.
    fn client(name: &str, fields: &str, ends: &[Option<&str>]) -> String {
        let mut text = format!("[clients.{name}]\n{fields}\n");
        for (number, end) in ends.iter().enumerate() {
            let end = end.map(|end| format!("expires = {end}\n")).unwrap_or_default();
            text += &format!(
                "[[clients.{name}.keys]]\nid = '{name}{number:011}'\n\
                 hash = '$2b$10$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyzabcde'\n\
                 created = 2026-01-01T00:00:00Z\n{end}"
            );
        }
        text
    }

    #[test]
    fn keys_that_expire_soon_are_found_soonest_first() {
        let (now, until) = (time("2026-03-01T00:00:00Z"), time("2026-03-31T00:00:00Z"));
        let (past, older) = (Some("2026-02-01T00:00:00Z"), Some("2026-01-02T00:00:00Z"));
        let (soon, sooner) = (Some("2026-03-31T00:00:00Z"), Some("2026-03-02T00:00:00Z"));
        let later = Some("2026-03-31T00:00:01Z");
        let text = [
            client("a", "", &[soon]),
            client("b", "", &[sooner, None]),
            client("c", "", &[later, past]),
            client("d", "", &[older, past]),
            client("e", "disabled = true", &[soon]),
            client("f", "", &[past, soon]),
        ]
        .concat();
        let roster = Roster::parse(&text, "roster.toml").unwrap().roster;
        let found = roster.expiring_keys(now, until);
        let found: Vec<_> = found
            .iter()
            .map(|key| (key.id.as_str(), key.client.as_str(), key.has_successor))
            .collect();
        assert_eq!(
            found,
            [
                ("d00000000001", "d", false),
                ("b00000000000", "b", true),
                ("a00000000000", "a", false),
                ("f00000000001", "f", false),
            ]
        );
    }

    #[test]
    fn each_key_is_found_at_the_line_of_its_expiry() {
        let end = Some("2026-03-31T00:00:00Z");
        let text = client("a", "roles = [\n'x']", &[None, end])
            + "\n# a comment\n"
            + &client("b", "", &[end]).replace("expires = ", "expires =   ")
            + "[clients]\nc.keys = [{ id = 'c00000000000', expires = 2026-01-01T00:00:00Z }]\n";
        let line = |part: &str| 1 + text[..text.find(part).unwrap()].matches('\n').count();
        let lines = expiry_lines(&text);
        assert_eq!(lines.len(), 3, "{lines:?}");
        for (id, part) in [
            ("a00000000001", "expires = "),
            ("b00000000000", "expires =   "),
            ("c00000000000", "c.keys"),
        ] {
            assert_eq!(lines[&KeyId::parse(id).unwrap()], line(part), "{id}");
        }
    }
}
