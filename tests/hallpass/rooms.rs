//! The structure of `src`: which room may name which, which crate belongs to which room, and that no files form a circle.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// From left to right: a room names only rooms to its left, and rooms in one column never name each other.
const ROOMS: &[&[&str]] = &[
    &["oauth", "diagnostics", "notation"],
    &["files"],
    &["config", "roster", "tokens", "store"],
    &["principal"],
    &["authority", "policy"],
    &["server"],
    &["cli", "fuzzing"],
];

/// The same for the rooms inside `server`, each with the other rooms that it may name.
const SERVER_ROOMS: &[&[(&str, &[&str])]] = &[
    &[("clock", &[]), ("limits", &[]), ("watch", &["diagnostics", "files"])],
    &[("http", &["config", "diagnostics", "oauth"]), ("tls", &["config", "diagnostics", "files"])],
    &[
        (
            "credentials",
            &[
                "authority",
                "config",
                "diagnostics",
                "oauth",
                "policy",
                "principal",
                "roster",
                "store",
                "tokens",
            ],
        ),
        (
            "document",
            &["config", "diagnostics", "oauth", "policy", "principal", "roster", "tokens"],
        ),
        ("counters", &["diagnostics", "oauth", "policy"]),
        ("expiry", &["config", "diagnostics", "files", "notation", "roster"]),
        ("routing", &["diagnostics", "policy"]),
    ],
    &[("context", &["authority", "config", "oauth", "roster", "store"])],
    &[
        ("enforce", &["diagnostics", "policy", "principal"]),
        ("followed_keys", &["config", "diagnostics", "tokens"]),
        ("metrics", &["authority", "store"]),
        ("upkeep", &["config"]),
    ],
    &[
        ("routes", &["authority", "config", "notation", "oauth", "principal", "roster", "tokens"]),
        (
            "forward",
            &[
                "authority",
                "config",
                "diagnostics",
                "oauth",
                "policy",
                "principal",
                "roster",
                "tokens",
            ],
        ),
    ],
    &[
        ("publication", &["diagnostics", "policy", "roster"]),
        ("own_document", &["config", "diagnostics", "policy", "roster"]),
    ],
    &[("site_guard", &[]), ("role_warnings", &["diagnostics", "policy", "roster"])],
    &[("site", &["diagnostics", "policy"]), ("secured_scope", &[])],
    &[("site_builder", &["diagnostics", "policy"])],
    &[("prepare", &["authority", "config", "diagnostics", "policy", "roster", "store", "tokens"])],
    &[("reloads", &["diagnostics", "policy", "roster"])],
    &[("gate", &["authority", "config", "diagnostics", "policy", "roster"])],
    &[("accounts", &["authority"]), ("password_check", &["oauth"])],
    &[
        ("serve", &["diagnostics", "store"]),
        (
            "testing",
            &["authority", "config", "diagnostics", "oauth", "policy", "principal", "roster"],
        ),
        ("fuzz_requests", &["policy"]),
    ],
];

/// A crate and the one room that may name it.
const CRATES: &[(&str, &str)] = &[
    ("bcrypt", "roster"),
    ("jsonwebtoken", "tokens"),
    ("redb", "store"),
    ("redis", "store"),
    ("tokio_rustls", "store"),
    ("actix_web", "server"),
    ("actix_cors", "server"),
    ("actix_tls", "server"),
    ("der", "server"),
    ("rustix", "server"),
    ("socket2", "server"),
    ("utoipa", "server"),
    ("utoipa_actix_web", "server"),
    ("utoipa_swagger_ui", "server"),
    ("prometheus", "server"),
    ("actix_router", "policy"),
    ("anyhow", "cli"),
    ("clap", "cli"),
    ("env_logger", "cli"),
    ("listenfd", "cli"),
];

/// What a room may name of a crate that belongs to another one.
const EXCEPTIONS: &[(&str, &str)] = &[
    ("cli", "actix_web::rt"),
    ("cli", "rustix::fs"),
    ("cli", "rustix::io"),
    ("cli", "rustix::time"),
    ("cli", "socket2::SockRef"),
    ("files", "rustix::fs"),
];

/// A path as its segments: `crate::a::B` is `a`, `B`.
type Segments = Vec<String>;

/// The module of a file of `src`: that of `server/routes/mod.rs` is `server`, `routes`.
fn module(file: &Path) -> Segments {
    let parts = file.iter().map(|part| part.to_string_lossy().trim_end_matches(".rs").to_owned());
    parts.filter(|part| part != "mod").collect()
}

/// The code of a file without comments, which may name everything.
fn without_comments(text: &str) -> String {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.map(|line| format!("{}\n", line.split(" // ").next().unwrap_or_default())).collect()
}

/// The same without the tests at its end.
fn without_tests(code: &str) -> &str {
    code.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default()
}

/// The text behind every `start` that is not the end of a longer name or path.
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

/// The path at the beginning of `text`, or every path in its braces: `{a::B, c}` is `a::B` and `c`.
fn paths(text: &str) -> Vec<Segments> {
    let text = text.trim_start();
    if let Some(inside) = text.strip_prefix('{') {
        let (mut depth, mut begin, mut found) = (0, 0, Vec::new());
        for (at, character) in inside.char_indices() {
            match character {
                '{' => depth += 1,
                '}' if depth > 0 => depth -= 1,
                ',' | '}' if depth == 0 => {
                    found.extend(paths(&inside[begin..at]));
                    begin = at + 1;
                    if character == '}' {
                        break;
                    }
                }
                _ => {}
            }
        }
        return found;
    }
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let (name, rest) = text.split_at(text.find(|c| !is_name(c)).unwrap_or(text.len()));
    if name.is_empty() {
        return Vec::new();
    }
    let tails = rest.strip_prefix("::").map(paths).unwrap_or_default();
    if tails.is_empty() {
        return vec![vec![name.to_owned()]];
    }
    tails.into_iter().map(|tail| [vec![name.to_owned()], tail].concat()).collect()
}

/// Every path of the code of `module` that leads to something in this crate, from its root.
fn crate_paths(module: &[String], code: &str) -> Vec<Segments> {
    let mut found: Vec<_> = ["crate::", "hallpass::"]
        .iter()
        .flat_map(|root| after(code, root))
        .flat_map(paths)
        .collect();
    // From a module inside of the file, as `mod tests` is, it takes one more.
    for levels in 1..=module.len() + 1 {
        let root = "super::".repeat(levels);
        let parent = &module[..module.len().saturating_sub(levels)];
        let tails = after(code, &root).into_iter().filter(|rest| !rest.starts_with("super::"));
        found.extend(tails.flat_map(paths).map(|tail| [parent.to_vec(), tail].concat()));
    }
    found
}

/// Every use of a crate, up to the first character that no path has.
fn uses_of(code: &str, name: &str) -> Vec<String> {
    let start = format!("{name}::");
    let path = |rest: &str| {
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
        format!("{start}{}", &rest[..end.unwrap_or(rest.len())])
    };
    let mut found: Vec<String> = after(code, &start).into_iter().map(path).collect();
    found.extend(after(code, &format!("use {name};")).iter().map(|_| name.to_owned()));
    found.extend(after(code, &format!("use {name} as ")).iter().map(|_| name.to_owned()));
    found
}

fn column(room: &str) -> Option<usize> {
    ROOMS.iter().position(|column| column.contains(&room))
}

fn server_column(room: &str) -> Option<usize> {
    SERVER_ROOMS.iter().position(|column| column.iter().any(|(name, _)| *name == room))
}

/// Every breach in the text of a file; `file` is relative to `src`.
fn breaches(file: &Path, text: &str) -> Vec<String> {
    let module = module(file);
    let own = module[0].as_str();
    let code = without_comments(text);
    let mut found = BTreeSet::new();
    for path in crate_paths(&module, &code) {
        let here = column(own).unwrap_or_else(|| panic!("{own} is in no column"));
        if path[0] != own && column(&path[0]).is_some_and(|there| there >= here) {
            found.insert(format!("{}: `{own}` names `{}`", file.display(), path[0]));
        }
    }
    if let ("server", Some(room)) = (own, module.get(1)) {
        // What tests inside of a file name is theirs.
        for path in crate_paths(&module, without_tests(&code)) {
            if breaks_server_rooms(room, &path) {
                found.insert(format!(
                    "{}: `server::{room}` names `{}`",
                    file.display(),
                    path.join("::")
                ));
            }
        }
    }
    for (name, room) in CRATES {
        for path in uses_of(&code, name) {
            let excepted =
                EXCEPTIONS.iter().any(|(room, start)| *room == own && path.starts_with(start));
            if own != *room && !excepted {
                found.insert(format!("{}: `{own}` names `{path}`", file.display()));
            }
        }
    }
    found.into_iter().collect()
}

fn breaks_server_rooms(room: &str, path: &[String]) -> bool {
    let here = server_column(room).unwrap_or_else(|| panic!("server::{room} is in no column"));
    let may_name = SERVER_ROOMS[here].iter().find(|(name, _)| *name == room).unwrap().1;
    match path {
        [server, other, ..] if server == "server" => {
            other != room && server_column(other).is_some_and(|there| there >= here)
        }
        [other, ..] => column(other).is_some() && !may_name.contains(&other.as_str()),
        [] => false,
    }
}

/// The files of `src` outside of tests: their modules and their code.
struct Sources(BTreeMap<Segments, String>);

impl Sources {
    fn read() -> Self {
        let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut files = BTreeMap::new();
        for path in rust_files("src") {
            let module = module(path.strip_prefix(&src).unwrap());
            let is_test = module.iter().any(|part| part == "tests" || part == "for_tests");
            if !is_test && module != ["main"] && module != ["lib"] {
                let code = without_comments(&fs::read_to_string(&path).unwrap());
                files.insert(module, without_tests(&code).to_owned());
            }
        }
        Self(files)
    }

    /// The module that a path leads to, and the name of the item in it.
    fn module_and_item<'p>(
        &self,
        path: &'p [String],
    ) -> Option<(&'p [String], Option<&'p String>)> {
        let length = (1..=path.len()).rev().find(|length| self.0.contains_key(&path[..*length]))?;
        Some((&path[..length], path.get(length)))
    }

    /// Where the root of a room re-exports an item from, if it does.
    fn re_export(&self, module: &[String], item: &str) -> Option<Segments> {
        let code = self.0.get(module)?;
        let exports = ["pub use ", "pub(crate) use ", "pub(super) use "];
        let exported = exports.iter().flat_map(|export| after(code, export)).flat_map(paths);
        let from = exported.filter(|path| path.last().is_some_and(|last| last == item));
        let from = from.map(|path| match path[0].as_str() {
            "crate" => path[1..].to_vec(),
            "self" => [module, &path[1..]].concat(),
            _ => [module, &path[..]].concat(),
        });
        from.into_iter().next()
    }

    /// The modules that the code of `module` names, re-exports resolved; and the items that it imports through the
    /// root of a room that it is in.
    fn named_by(&self, module: &[String]) -> (BTreeSet<Segments>, Vec<String>) {
        let (mut named, mut through_root) = (BTreeSet::new(), Vec::new());
        for path in crate_paths(module, &self.0[module]) {
            let Some((mut target, item)) = self.module_and_item(&path) else { continue };
            let defined = item.and_then(|item| self.re_export(target, item));
            if let Some(defined) = &defined {
                if module != target && module.starts_with(target) {
                    through_root.push(format!("{} names {}", module.join("::"), path.join("::")));
                }
                target = self.module_and_item(defined).map_or(target, |(module, _)| module);
            }
            if target != module {
                named.insert(target.to_vec());
            }
        }
        (named, through_root)
    }
}

/// Every Rust file below a directory of this package.
fn rust_files(directory: &str) -> Vec<PathBuf> {
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

/// What is left of a graph when everything is taken away that leads to no circle.
fn circles(mut graph: BTreeMap<Segments, BTreeSet<Segments>>) -> Vec<String> {
    loop {
        let nodes: BTreeSet<_> = graph.keys().cloned().collect();
        graph.values_mut().for_each(|named| named.retain(|one| nodes.contains(one)));
        let before = graph.len();
        graph.retain(|_, named| !named.is_empty());
        if graph.len() == before {
            break;
        }
    }
    graph.iter().map(|(module, named)| format!("{} -> {named:?}", module.join("::"))).collect()
}

#[test]
fn a_room_names_only_rooms_to_its_left() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut files = 0;
    for path in rust_files("src") {
        let file = path.strip_prefix(&src).unwrap();
        if ["lib.rs", "main.rs"].iter().all(|root| file != Path::new(root)) {
            found.extend(breaches(file, &fs::read_to_string(&path).unwrap()));
            files += 1;
        }
    }
    assert!(files > 50, "files were read: {files}");
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn nothing_inside_a_room_is_imported_through_its_root() {
    let sources = Sources::read();
    let found: Vec<_> = sources.0.keys().flat_map(|module| sources.named_by(module).1).collect();
    assert!(found.is_empty(), "name the module that defines it:\n{}", found.join("\n"));
}

#[test]
fn no_files_form_a_circle() {
    let sources = Sources::read();
    let named = |module: &Segments| (module.clone(), sources.named_by(module).0);
    let graph: BTreeMap<_, _> = sources.0.keys().map(named).collect();
    let arrows: usize = graph.values().map(BTreeSet::len).sum();
    assert!(arrows > 200, "imports were read: {arrows}");
    let found = circles(graph);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn no_two_files_share_a_name() {
    let mut seen = BTreeMap::new();
    for path in rust_files("src") {
        let is_test = path.iter().any(|part| part == "tests" || part == "tests.rs");
        if !is_test && !path.ends_with("mod.rs") {
            let name = path.file_name().unwrap().to_owned();
            if let Some(other) = seen.insert(name, path.clone()) {
                panic!("{} and {}", path.display(), other.display());
            }
        }
    }
}

#[test]
fn every_file_begins_by_saying_what_it_is() {
    for path in rust_files("src").into_iter().chain(rust_files("tests")) {
        let text = fs::read_to_string(&path).unwrap();
        let says = text.strip_prefix("//! ").is_some_and(|said| said.len() > 10);
        assert!(says, "{} begins without //!", path.display());
    }
}

#[test]
fn the_check_finds_every_kind_of_breach_and_nothing_else() {
    let breach = [
        ("authority/mod.rs", "use crate::policy::Policy;"),
        ("authority/mod.rs", "use super::policy::Policy;"),
        ("authority/mod.rs", "mod tests {\n    use super::super::server::Gate;\n}"),
        ("oauth/mod.rs", "use crate::diagnostics::Diagnostic;"),
        ("roster/mod.rs", "use crate::{\n    oauth::{KeyId, Role},\n    tokens::Tokens,\n};"),
        ("tokens/keyring.rs", "fn x() { crate::config::example(); }"),
        ("tokens/keyring.rs", "use super::super::roster::Roster;"),
        ("policy/tests/mod.rs", "use crate::{oauth, authority::{Authority}};"),
        ("server/routes/login.rs", "use crate::{server::{context::Context, cli::X}, cli};"),
        ("server/routes/login.rs", "use crate::server::gate::Gate;"),
        ("server/routes/login.rs", "use super::super::{context::Context, gate::Gate};"),
        ("server/enforce/guard.rs", "use crate::server::metrics::respond;"),
        ("server/enforce/guard.rs", "use crate::roster::api_key::ApiKey;"),
        ("server/context.rs", "fn x() { super::enforce::guard::Guard::new(); }"),
        ("server/enforce/guard.rs", "use jsonwebtoken::Header;"),
        ("authority/mod.rs", "fn x() { ::bcrypt::hash(); }"),
        ("cli/serve.rs", "use actix_web::{App, rt};"),
        ("policy/mod.rs", "use anyhow as error;"),
    ];
    for (file, text) in breach {
        assert!(!breaches(Path::new(file), text).is_empty(), "not found in {file}: {text}");
    }
    let good = [
        (
            "authority/mod.rs",
            "use crate::{oauth::Scopes, roster::{Roster, policy::X}, tokens, principal};",
        ),
        ("authority/mod.rs", "/// See [`crate::policy`].\nuse x; // as crate::server does"),
        ("policy/tests/mod.rs", "use super::super::decision; use crate::policy::Policy;"),
        ("server/routes/login.rs", "use super::super::context; let server = my::crate_server;"),
        (
            "server/routes/login.rs",
            "#[cfg(test)]\nmod tests {\n    use crate::server::gate::Gate;\n}",
        ),
        ("tokens/keyring.rs", "use jsonwebtoken::Header;"),
        ("cli/serve.rs", "use crate::server; fn x() { actix_web::rt::System::new(); }"),
    ];
    for (file, text) in good {
        assert_eq!(breaches(Path::new(file), text), Vec::<String>::new(), "{file}: {text}");
    }
}

#[test]
fn circles_and_imports_through_roots_are_found() {
    let source = |module: &[&str], code: &str| {
        (module.iter().map(ToString::to_string).collect::<Segments>(), code.to_owned())
    };
    let sources = Sources(BTreeMap::from([
        source(&["room"], "mod a;\nmod b;\npub(crate) use self::{a::A, b::B};"),
        source(&["room", "a"], "use crate::room::B;"),
        source(&["room", "b"], "use crate::{other, room::a::{self, A}};"),
        source(&["other"], "use crate::room::{A, B};"),
    ]));
    let imports = |module: &str| sources.named_by(&["room".to_owned(), module.to_owned()]).1;
    assert_eq!(imports("a"), ["room::a names room::B"]);
    assert_eq!(imports("b"), [""; 0]);
    assert_eq!(sources.named_by(&["other".to_owned()]).1, [""; 0]);
    let named = |module: &Segments| (module.clone(), sources.named_by(module).0);
    let found = circles(sources.0.keys().map(named).collect());
    assert_eq!(found.len(), 3, "a and b through the root, and b and other: {found:?}");
}
