//! The rooms of the house: each names only rooms to its left, and each foreign crate lives in one of them.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// From left to right; rooms in one column never name each other.
const COLUMNS: &[&[&str]] = &[
    &["oauth", "diagnostics"],
    &["config", "roster", "tokens", "store"],
    &["principal"],
    &["authority", "policy"],
    &["server"],
    &["cli"],
];

/// A crate and the one room that may name it.
const CRATES: &[(&str, &str)] = &[
    ("bcrypt", "roster"),
    ("jsonwebtoken", "tokens"),
    ("actix_web", "server"),
    ("actix_cors", "server"),
    ("actix_tls", "server"),
    ("rustix", "server"),
    ("socket2", "server"),
    ("utoipa", "server"),
    ("utoipa_actix_web", "server"),
    ("utoipa_swagger_ui", "server"),
    ("prometheus", "server"),
    ("actix_router", "policy"),
    ("anyhow", "cli"),
    ("clap", "cli"),
];

/// What else a room may name of a crate that is not its own.
const EXCEPTIONS: &[(&str, &str)] = &[("cli", "actix_web::rt")];

fn column(room: &str) -> Option<usize> {
    COLUMNS.iter().position(|column| column.contains(&room))
}

/// The modules above a file of `src`, its own last: `server/routes/mod.rs` is `server`, `routes`.
fn modules(file: &Path) -> Vec<String> {
    let parts = file.iter().map(|part| part.to_string_lossy().trim_end_matches(".rs").to_owned());
    parts.filter(|part| part != "mod").collect()
}

/// Every breach in the text of a file; `file` is relative to `src`.
fn breaches(file: &Path, text: &str) -> Vec<String> {
    let modules = modules(file);
    let own = modules[0].as_str();
    let code = without_comments(text);
    let mut found = Vec::new();
    for named in named_rooms(&code, modules.len()) {
        let here = column(own).unwrap_or_else(|| panic!("{own} is in no column"));
        if named != own && column(&named).is_some_and(|there| there >= here) {
            found.push(format!("{}: `{own}` names `{named}`", file.display()));
        }
    }
    for (name, room) in CRATES {
        for path in paths_into(&code, name) {
            let excepted =
                EXCEPTIONS.iter().any(|(room, start)| *room == own && path.starts_with(start));
            if own != *room && !excepted {
                found.push(format!("{}: `{own}` names `{path}`", file.display()));
            }
        }
    }
    found
}

/// Comments may name everything.
fn without_comments(text: &str) -> String {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.map(|line| format!("{}\n", line.split(" // ").next().unwrap_or_default())).collect()
}

/// What stands behind `crate::`, and behind as many `super::` as lead out of the file's room.
fn named_rooms(code: &str, depth: usize) -> Vec<String> {
    let mut named = Vec::new();
    for root in [
        "crate::".to_owned(),
        "hallpass::".to_owned(),
        "super::".repeat(depth),
        // From a module inside of the file, as `mod tests` is.
        "super::".repeat(depth + 1),
    ] {
        for rest in after(code, &root) {
            named.extend(first_names(rest));
        }
    }
    named
}

/// The text behind every `start` that is no end of a longer name or path.
fn after<'c>(code: &'c str, start: &str) -> Vec<&'c str> {
    let begins = |at: &usize| {
        let before = &code[..*at];
        // `::name` is the crate again, `x::name` is not.
        let before = before.strip_suffix("::").unwrap_or(before).chars().next_back().unwrap_or(' ');
        !(before.is_alphanumeric() || "_:>".contains(before))
    };
    let found = code.match_indices(start).map(|(at, _)| at).filter(begins);
    found.map(|at| &code[at + start.len()..]).collect()
}

/// The first name of a path, or of every path in its braces.
fn first_names(rest: &str) -> Vec<String> {
    let name = |text: &str| {
        let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
        text[..end].to_owned()
    };
    let Some(inside) = rest.strip_prefix('{') else { return vec![name(rest)] };
    let mut names = Vec::new();
    let (mut depth, mut begins) = (1, true);
    for (at, character) in inside.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => begins = true,
            _ if depth == 1 && begins && !character.is_whitespace() => {
                names.push(name(&inside[at..]));
                begins = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    names
}

/// Every path into a crate, up to the first character that no path has.
fn paths_into(code: &str, name: &str) -> Vec<String> {
    let start = format!("{name}::");
    let path = |rest: &str| {
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
        format!("{start}{}", &rest[..end.unwrap_or(rest.len())])
    };
    let mut paths: Vec<String> = after(code, &start).into_iter().map(path).collect();
    paths.extend(after(code, &format!("use {name};")).iter().map(|_| name.to_owned()));
    paths.extend(after(code, &format!("use {name} as ")).iter().map(|_| name.to_owned()));
    paths
}

/// Every Rust file below a directory of this package.
fn files(directory: &str) -> Vec<PathBuf> {
    let mut waiting = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(directory)];
    let mut files = Vec::new();
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files
}

#[test]
fn a_room_names_only_rooms_to_its_left() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut rooms = 0;
    for path in files("src") {
        let file = path.strip_prefix(&src).unwrap();
        if ["lib.rs", "main.rs"].iter().all(|root| file != Path::new(root)) {
            found.extend(breaches(file, &fs::read_to_string(&path).unwrap()));
            rooms += 1;
        }
    }
    assert!(rooms > 50, "files were read: {rooms}");
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_file_begins_by_saying_what_it_is() {
    for path in files("src").into_iter().chain(files("tests")) {
        let text = fs::read_to_string(&path).unwrap();
        let says = text.strip_prefix("//! ").is_some_and(|said| said.len() > 10);
        assert!(says, "{} begins without //!", path.display());
    }
}

#[test]
fn the_check_sees_a_breach_and_no_other_thing() {
    let breach = [
        ("authority.rs", "use crate::policy::Policy;"),
        ("authority.rs", "use super::policy::Policy;"),
        ("authority.rs", "mod tests {\n    use super::super::server::Gate;\n}"),
        ("oauth.rs", "use crate::diagnostics::Diagnostic;"),
        ("roster/mod.rs", "use crate::{\n    oauth::{KeyId, Role},\n    tokens::Tokens,\n};"),
        ("tokens/keyring.rs", "fn x() { crate::config::example(); }"),
        ("tokens/keyring.rs", "use super::super::roster::Roster;"),
        ("policy/tests/mod.rs", "use crate::{oauth, authority::{Authority}};"),
        ("server/routes/login.rs", "use crate::{server::{Gate, cli::X}, cli};"),
        ("server/enforce.rs", "use jsonwebtoken::Header;"),
        ("authority.rs", "fn x() { ::bcrypt::hash(); }"),
        ("cli/serve.rs", "use actix_web::{App, rt};"),
        ("policy/mod.rs", "use anyhow as error;"),
    ];
    for (file, text) in breach {
        assert!(!breaches(Path::new(file), text).is_empty(), "not seen in {file}: {text}");
    }
    let good = [
        (
            "authority.rs",
            "use crate::{oauth::Scopes, roster::{Roster, policy::X}, tokens, principal};",
        ),
        ("authority.rs", "/// See [`crate::policy`].\nuse x; // as crate::server does"),
        ("policy/tests/mod.rs", "use super::super::decision; use crate::policy::Policy;"),
        ("server/routes/login.rs", "use super::super::Gate; let server = my::crate_server;"),
        ("tokens/keyring.rs", "use jsonwebtoken::Header;"),
        ("cli/serve.rs", "use crate::server; fn x() { actix_web::rt::System::new(); }"),
    ];
    for (file, text) in good {
        assert_eq!(breaches(Path::new(file), text), Vec::<String>::new(), "{file}: {text}");
    }
}
