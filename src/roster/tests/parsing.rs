//! Parsing of rosters, and the diagnostics about them.

use super::HASH;
use super::name;
use super::roles;
use super::scopes;

use crate::{oauth::key_id::KeyId, roster::roster::Roster};

/// Places and the beginning of what is wrong.
fn errors(text: &str) -> Vec<String> {
    let text = text.replace("HASH", HASH);
    Roster::parse(&text, "r.toml").map(drop).unwrap_err().iter().map(ToString::to_string).collect()
}

/// Whether the errors are exactly these, each by its beginning.
fn assert_errors(text: &str, expected: &[&str]) {
    let found = errors(text);
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}\n{expected}");
    }
}

/// A client with one key, the lines of which can be replaced.
fn with_key(line: &str, by: &str) -> String {
    let text = "[[clients.a.keys]]\nid = \"4fQz81LmXc0a\"\nhash = \"HASH\"\ncreated = 2026-11-23T00:00:00Z\n";
    assert!(text.contains(line));
    text.replace(line, by)
}

#[test]
fn the_documented_example_is_parsed() {
    let text = include_str!("example.toml");
    let checked = Roster::parse(text, "r.toml").unwrap();
    let client = checked.roster.client(&name("billing")).unwrap();
    assert_eq!(client.roles, roles(&["reader"]));
    assert_eq!(client.scopes, scopes(&["invoices:read"]));
    assert!(!client.disabled);
    let (owner, key) = checked.roster.key(&KeyId::parse("4fQz81LmXc0a").unwrap()).unwrap();
    assert_eq!(owner.name, client.name);
    assert_eq!(key.created.to_string(), "2026-11-23T00:00:00Z");
    assert_eq!(key.expires.unwrap().to_string(), "2027-11-23T00:00:00Z");
    assert_eq!(checked.roster.user(&name("alice")).unwrap().roles, roles(&["admin"]));
    let issuer = checked.roster.issuers().next().unwrap();
    assert_eq!(
        (issuer.url.as_str(), issuer.audience.as_str()),
        ("https://login.example.com", "hallpass")
    );
    assert_eq!(issuer.roles_claim, [["roles"], ["roles"]]);
    assert!(checked.warnings.is_empty());
}

#[test]
fn roles_are_looked_for_under_a_name_a_dotted_path_or_a_list_of_names() {
    let read = |claim: &str| {
        let text = format!(
            "[issuers.corp]\nurl = \"https://x.test\"\naudience = \"here\"\nroles_claim = {claim}\n"
        );
        let roster = Roster::parse(&text, "r.toml").map(|read| read.roster);
        roster.map(|roster| roster.issuers().next().unwrap().roles_claim.clone())
    };
    assert_eq!(read("\"a.b\"").unwrap(), [&["a.b"][..], &["a", "b"]]);
    assert_eq!(
        read("[\"https://x.test/app\", \"roles\"]").unwrap(),
        [["https://x.test/app", "roles"]]
    );
    for bad in ["\"\"", "[]", "[\"\"]", "[7]", "7"] {
        assert!(read(bad).is_err(), "{bad}");
    }
}

#[test]
fn an_empty_text_is_an_empty_roster() {
    for text in ["", "# only a comment", "[clients]\n[users]\n", "\u{feff}[clients.a]"] {
        let roster = Roster::parse(text, "r.toml").unwrap().roster;
        assert_eq!(roster.clients().flat_map(|client| &client.keys).count(), 0, "{text:?}");
    }
}

#[test]
fn every_style_of_toml_is_parsed() {
    let text = "clients = { a = { roles = ['r'], keys = [{ id = '4fQz81LmXc0a', hash = 'HASH', created = 2026-11-23 00:00:00+01:00 }] } }";
    let roster = Roster::parse(&text.replace("HASH", HASH), "r.toml").unwrap().roster;
    let (_, key) = roster.key(&KeyId::parse("4fQz81LmXc0a").unwrap()).unwrap();
    assert_eq!(key.created.to_string(), "2026-11-22T23:00:00Z");
}

#[test]
fn all_errors_are_reported_at_once_sorted_by_line() {
    let text = "colour = 1\n[clients.b]\nrole = ['x']\nroles = 'x'\nscopes = ['a b', 1]\ndisabled = 'no'\n\
        [clients.\"a b\"]\nkeys = {}\n[users.u]\npassword = 'secret'\nhash = 1\n[issuers.i]\nurl = 'ftp://x'\n[issuers.j]\n";
    let expected = [
        "r.toml:1: unknown field `colour`: a roster has `clients`, `users`, `issuers`",
        "r.toml:3: unknown field `role`: a client has `roles`, `scopes`, `disabled`, `from`",
        "r.toml:4: `roles` must be a list of strings",
        "r.toml:5: in `scopes`, \"a b\" is not a scope",
        "r.toml:5: `scopes` must be a list of strings, as in `scopes = [\"a\", \"b\"]`, this is an integer",
        "r.toml:6: `disabled` must be `true` or `false`, this is a string",
        "r.toml:7: a client is called \"a b\" is not a name",
        "r.toml:8: `keys` must be a list of tables",
        "r.toml:10: `password` is not a bcrypt hash",
        "r.toml:11: unknown field `hash`: a user has",
        "r.toml:12: this issuer has no `audience`",
        "r.toml:13: `url` must begin with https://",
        "r.toml:14: this issuer has no `url`",
        "r.toml:14: this issuer has no `audience`",
    ];
    assert_errors(text, &expected);
}

#[test]
fn an_issuer_has_a_unique_https_address() {
    let issuer =
        |name: &str, url: &str| format!("[issuers.{name}]\nurl = \"{url}\"\naudience = \"here\"\n");
    for url in
        ["https://a.test/b/", "http://127.0.0.1:9000", "http://[::1]:9000", "http://localhost"]
    {
        assert!(Roster::parse(&issuer("a", url), "r.toml").is_ok(), "{url}");
    }
    for url in
        ["http://a.test", "https://a.test/?b", "https://a.test/#b", "https://u@a.test", "a.test"]
    {
        assert_errors(&issuer("a", url), &["r.toml:2: `url` must begin with https://"]);
    }
    let twice = issuer("b", "https://a.test") + &issuer("a", "https://a.test");
    assert_errors(&twice, &["r.toml:5: `url` is already that of the issuer in line 2"]);
}

#[test]
fn a_key_needs_an_id_a_hash_and_a_creation_time() {
    let id = "id = \"4fQz81LmXc0a\"";
    assert_errors(&with_key(id, ""), &["r.toml:1: this key has no `id`"]);
    assert_errors(&with_key(id, "id = 'short'"), &["r.toml:2: `id` must be the 12 characters"]);
    assert_errors(&with_key("hash = \"HASH\"", ""), &["r.toml:1: this key has no `hash`"]);
    assert_errors(&with_key("HASH", "x"), &["r.toml:3: `hash` is not a bcrypt hash"]);
    assert_errors(
        &with_key("hash =", "hsah ="),
        &[
            "r.toml:1: this key has no `hash`",
            "r.toml:3: unknown field `hsah`: a key has `id`, `hash`, `created`, `expires`",
        ],
    );
    assert_errors(&with_key("created", "expires"), &["r.toml:1: this key has no `created`"]);
}

#[test]
fn timestamps_are_unquoted_have_an_offset_and_are_in_range() {
    let time = "2026-11-23T00:00:00Z";
    for local in ["2026-11-23T00:00:00", "2026-11-23", "00:00:00"] {
        assert_errors(&with_key(time, local), &["r.toml:4: `created` needs date, time and offset"]);
    }
    assert_errors(
        &with_key(time, "'2026-11-23T00:00:00Z'"),
        &["r.toml:4: `created` must be a time without"],
    );
    assert_errors(
        &with_key(time, "9999-12-31T23:59:59Z"),
        &["r.toml:4: `created` must lie before 9999"],
    );
    assert_errors(&with_key(time, "2026-02-30T00:00:00Z"), &["r.toml:4: not TOML: "]);
}

#[test]
fn costs_out_of_bounds_are_errors_and_low_ones_of_passwords_are_warned_about() {
    for cost in ["03", "15", "31"] {
        assert_errors(
            &with_key("HASH", &HASH.replace("10", cost)),
            &["r.toml:3: `hash` has the bcrypt cost"],
        );
    }
    for (cost, warnings) in [("04", 1), ("09", 1), ("10", 0), ("14", 0)] {
        let hash = HASH.replace("$10$", &format!("${cost}$"));
        let warnings_about = |text: &str| Roster::parse(text, "r.toml").unwrap().warnings;
        assert!(warnings_about(&with_key("HASH", &hash)).is_empty(), "a key of cost {cost}");
        let found = warnings_about(&format!("[users.alice]\npassword = '{hash}'\n"));
        assert_eq!(found.iter().count(), warnings, "{cost}");
        assert!(found.iter().all(|warning| warning.location == "r.toml:2"));
    }
}

#[test]
fn a_second_key_of_the_same_id_names_the_line_of_the_first() {
    // Read by name, a comes first; reported by line, b does.
    let text =
        ["b", "a", "c"].map(|client| with_key("clients.a", &format!("clients.{client}"))).concat();
    let already = "key id 4fQz81LmXc0a is already used in line 2";
    assert_errors(&text, &[&format!("r.toml:6: {already}"), &format!("r.toml:10: {already}")]);
}

#[test]
fn invalid_toml_is_reported_with_its_line_and_without_guesses() {
    // The key without a hash is not an error of its own: the line that could not be read may contain it.
    let text =
        "[[clients.b.keys]]\nid = \"x\n[clients.a]\n[clients.a]\nroles = [1 2]\ndisabled = 1\n";
    let expected = [
        "r.toml:2: not TOML: ",
        "r.toml:4: not TOML: duplicate key `a`",
        "r.toml:5: not TOML: ",
        "r.toml:6: `disabled` must be",
    ];
    assert_errors(text, &expected);
}

#[test]
fn secrets_in_the_wrong_place_are_not_repeated() {
    let key = "hp_pUDOR0NQ2tbV_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg3cOljD";
    for text in [with_key("4fQz81LmXc0a", key), with_key("HASH", key), with_key("\"HASH\"", key)] {
        assert!(errors(&text).iter().all(|error| !error.contains("XYZabc")), "{text}");
    }
}

#[test]
fn a_duplicate_name_is_an_error() {
    assert_errors("[clients.a]\n[clients.a]\n", &["r.toml:2: not TOML: duplicate key `a`"]);
}

#[test]
fn a_roster_of_ten_thousand_clients_has_the_right_lines() {
    let mut text = String::new();
    for n in 0..10_000 {
        let key = with_key("clients.a", &format!("clients.c{n}"))
            .replace("4fQz81LmXc0a", &format!("{n:012}"));
        text += &key.replace("HASH", HASH);
    }
    text += &format!("[users.last]\npassword = '{}'\n", HASH.replace("$10$", "$09$"));
    let checked = Roster::parse(&text, "r.toml").unwrap();
    assert_eq!(checked.roster.clients().count(), 10_000);
    assert_eq!(checked.warnings.iter().last().unwrap().location, "r.toml:40002");
}
