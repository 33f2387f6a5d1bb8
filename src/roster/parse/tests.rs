//! Parsing in chunks, compared with parsing the whole text.

use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};

use crate::{
    diagnostics::Diagnostics,
    roster::{
        parse::{chunks, whole},
        roster::{LoadedRoster, Roster},
    },
};

const TAIL: &str = "DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.";

/// All that a roster says, hashes included, and the warnings.
fn told(checked: &LoadedRoster) -> String {
    let Roster { clients, users, issuers, highest_password_cost, .. } = &checked.roster;
    let keys = clients.iter().flat_map(|client| &client.keys);
    let hashes: Vec<_> = keys.map(|key| (key.hash.as_str(), checked.roster.key(&key.id))).collect();
    let passwords: Vec<_> = users.iter().map(|user| user.password.as_str()).collect();
    let warnings = &checked.warnings;
    format!(
        "{clients:?} {users:?} {issuers:?} {hashes:?} {passwords:?} {} {highest_password_cost} {warnings}",
        checked.roster.keys.len()
    )
}

/// How often something was read in chunks, read as a whole only, and refused.
#[derive(Debug, Default)]
struct Seen {
    in_pieces: usize,
    only_whole: usize,
    refused: usize,
}

impl Seen {
    /// Reads a text both ways, with chunks of all sizes.
    fn check(&mut self, text: &str) {
        let whole: Result<LoadedRoster, Diagnostics> = whole(text, "r.toml");
        for size in [0, 1, 40, 150, 600] {
            match (chunks::parse(text, "r.toml", size), &whole) {
                (Some(chunked), Ok(whole)) => {
                    self.in_pieces += 1;
                    assert_eq!(told(&chunked), told(whole), "in chunks of {size}:\n{text}");
                }
                (Some(_), Err(errors)) => {
                    panic!("accepted in chunks of {size}: {errors}\n{text}")
                }
                (None, Ok(_)) => self.only_whole += 1,
                (None, Err(_)) => self.refused += 1,
            }
        }
    }
}

/// Writes rosters, some of which are good.
struct Writer {
    random: StdRng,
    /// What was written so far: names and ids that shall not repeat count on.
    count: usize,
    /// How many of a hundred texts repeat names, or are written in a way that few people would.
    odd: u32,
}

impl Writer {
    fn is_odd(&mut self) -> bool {
        self.random.random_ratio(self.odd, 100)
    }

    fn one_of(&mut self, choices: &[&'static str]) -> &'static str {
        choices.choose(&mut self.random).unwrap()
    }

    /// A name, as a part of a key.
    fn name(&mut self) -> String {
        self.count += 1;
        if self.is_odd() {
            return self
                .one_of(&["a", "b", "\"a\"", "'b'", "\"\\u0061\"", "\"a b\"", "''", "n1", " n2 "])
                .to_owned();
        }
        format!("n{}", self.count)
    }

    fn header(&mut self, section: &str, name: &str) -> String {
        let section = if self.is_odd() {
            self.one_of(&["clients", "\"clients\"", "users", " clients ", "issuers", "other", "''"])
        } else {
            section
        };
        let (open, close) = match self.is_odd() {
            true => [("[", "]"), ("[[", "]]"), (" [", "]"), ("[ ", " ]"), ("[", ""), ("[[", "]")]
                .choose(&mut self.random)
                .copied()
                .unwrap(),
            false => ("[", "]"),
        };
        let behind = self.one_of(&["", "", "", " # [clients.n1]", "\t#", " x"]);
        let behind = if self.is_odd() { behind } else { "" };
        format!("{open}{section}.{name}{close}{behind}\n")
    }

    fn list(&mut self) -> &'static str {
        if self.is_odd() {
            return self.one_of(&[
                "[\n[\"a\"],\n]",
                "[\n  'a', # ]\n  \"b\",\n]",
                "[\n\"x\"\n]",
                "'''\n[clients.a]\n'''",
                "[ { a = [\n[1] ] } ]",
                "\"a\nb\"",
                "[\"\"\"a\n[b]\"\"\"]",
                "[\n[clients.a]\n]",
            ]);
        }
        self.one_of(&["[\"reader\"]", "[]", "[\"a\", \"b\"]", "[\n\t\"reader\",\n]"])
    }

    fn time(&mut self) -> &'static str {
        self.one_of(&["2026-11-23T00:00:00Z", "2027-01-01 00:00:00.5+01:00", "2028-02-29T12:00Z"])
    }

    fn hash(&mut self) -> String {
        let cost = self.one_of(&["10", "10", "12", "04", "09", "14"]);
        format!("$2b${cost}${TAIL}")
    }

    fn grants(&mut self) -> String {
        let mut lines = String::new();
        for name in ["roles", "scopes"] {
            if self.random.random_ratio(3, 4) {
                lines += &format!("{name} = {}\n", self.list());
            }
        }
        if self.random.random_ratio(1, 8) {
            lines += self.one_of(&["disabled = true\n", "disabled = false\n"]);
        }
        lines
    }

    fn key(&mut self) -> String {
        self.count += 1;
        let id = if self.is_odd() { self.count % 5 } else { self.count };
        let mut lines = format!("id = \"{id:012}\"\nhash = '{}'\n", self.hash());
        lines += &format!("created = {}\n", self.time());
        if self.random.random_ratio(1, 3) {
            lines += &format!("expires = {}\n", self.time());
        }
        lines
    }

    /// A client with its keys; where keys come first, they make the client.
    fn client(&mut self) -> Vec<String> {
        let name = self.name();
        let header = self.header("clients", &name);
        let mut tables = vec![header + &self.grants()];
        for _ in 0..self.random.random_range(0..3) {
            let key = self.key();
            tables.push(format!("[[clients.{name}.keys]]\n{key}"));
        }
        tables
    }

    fn user(&mut self) -> String {
        let name = self.name();
        let (header, grants, hash) = (self.header("users", &name), self.grants(), self.hash());
        format!("{header}{grants}password = \"{hash}\"\n")
    }

    fn issuer(&mut self) -> String {
        let name = self.name();
        let header = self.header("issuers", &name);
        let count = if self.is_odd() { 0 } else { self.count };
        let audience = self.one_of(&["'x'", "\"\"\"x\n[clients.n1]\ny\"\"\"", "'''\n[[a]]\n'''"]);
        format!("{header}url = \"https://a.test/{count}\"\naudience = {audience}\n")
    }

    /// What does not come from `hallpass key add`, and is good TOML in one place or another.
    fn oddity(&mut self) -> String {
        let name = self.name();
        let (list, key) = (self.list(), self.key().replace('\n', ", "));
        let key = key.trim_end_matches(", ");
        match self.random.random_range(0..12) {
            0 => format!("[clients]\n{name} = {{ roles = {list}, keys = [{{ {key} }}] }}\n"),
            1 => format!("[clients]\n{name}.roles = {list}\n{name}.keys = [\n{{ {key} }}\n]\n"),
            2 => format!("clients.{name}.scopes = {list}\n"),
            3 => format!("clients = {{ {name}.disabled = true }}\n"),
            4 => "[clients]\n".to_owned(),
            5 => "[users]\n[issuers]\n".to_owned(),
            6 => "[[clients]]\n".to_owned(),
            7 => format!("[clients.{name}.keys]\n{}\n", self.key()),
            8 => format!("[[clients.{name}.keys]]\n{}", self.key()),
            9 => format!("# [clients.{name}]\n\n  # \"\"\"\n"),
            10 => format!("[clients.{name}.roles.x]\n"),
            _ => self.one_of(&["x = 1\n", "'''\n", "\"\"\"\n", "]\n", "\n[\n", "\r"]).to_owned(),
        }
    }

    fn text(&mut self) -> String {
        let mut tables = Vec::new();
        for _ in 0..self.random.random_range(1..7) {
            match self.random.random_range(0..6) {
                0 => tables.push(self.user()),
                1 => tables.push(self.issuer()),
                _ => tables.extend(self.client()),
            }
        }
        for _ in 0..self.random.random_range(0..=self.odd / 10) {
            let at = self.random.random_range(0..=tables.len());
            let oddity = self.oddity();
            tables.insert(at, oddity);
        }
        if self.odd > 0 && self.random.random_ratio(1, 6) {
            // Once more as it is, or with another name, or with another address.
            let again = tables.choose(&mut self.random).cloned().unwrap_or_default();
            let changes = [("", ""), (".n", ".m"), ("a.test", "b.test")];
            let (from, to) = *changes.choose(&mut self.random).unwrap();
            tables.push(again.replace(from, to));
        }
        if self.is_odd() {
            let (one, other) = (self.random.random_range(0..tables.len()), tables.len() - 1);
            tables.swap(one, other);
        }
        let gap = self.one_of(&["\n", "", "\n# [x]\n", "\n\n  \n"]);
        let mut text = tables.join(gap);
        if self.is_odd() {
            text = text.replace('\n', "\r\n");
        }
        if self.is_odd() {
            text.insert(0, '\u{feff}');
        }
        if self.is_odd() {
            self.mutilate(&mut text);
        }
        text
    }

    /// Takes out, puts in or doubles something somewhere.
    fn mutilate(&mut self, text: &mut String) {
        let lines: Vec<_> = text.split_inclusive('\n').map(str::to_owned).collect();
        let line = lines.choose(&mut self.random).cloned().unwrap_or_default();
        let places: Vec<_> = text.char_indices().map(|(at, _)| at).collect();
        let at = places.choose(&mut self.random).copied().unwrap_or_default();
        let signs =
            ["[", "]", "\n", "\"", "'''", "\"\"\"", "{", "}", "#", "=", ",", ".", "\\", "\u{feff}"];
        match self.random.random_range(0..4) {
            0 => drop(text.remove(at)),
            1 => text.insert_str(at, &line),
            2 => *text = text.replacen(&line, "", 1),
            _ => text.insert_str(at, signs.choose(&mut self.random).unwrap()),
        }
    }
}

/// Checks so many texts, the same at every run.
fn seen(texts: u64, odd: u32) -> Seen {
    let mut seen = Seen::default();

    for seed in 0..texts {
        let random = StdRng::seed_from_u64(seed);
        seen.check(&Writer { random, count: 0, odd }.text());
    }
    seen
}

#[test]
fn rosters_written_by_the_commands_are_parsed_in_chunks() {
    let seen = seen(100, 0);
    assert!(seen.in_pieces > 300 && seen.only_whole < 200 && seen.refused == 0, "{seen:?}");
}

#[test]
fn parsing_in_chunks_gives_the_result_of_parsing_the_whole_or_none() {
    for (odd, texts) in [(2, 400), (6, 400), (15, 300)] {
        let seen = seen(texts, odd);
        assert!(
            seen.in_pieces > 10 && seen.only_whole > 10 && seen.refused > 10,
            "{odd}: {seen:?}"
        );
    }
}
