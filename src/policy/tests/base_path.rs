//! What stands before every path.
//!
//! Must not know requirements.

use serde_json::{Value, json};

use crate::policy::compile_options::CompileOptions;
use crate::policy::compile_options::Undeclared;
use crate::policy::compiled::Policy;
use crate::policy::tests::assert_one;
use crate::policy::tests::faults_of;
use crate::policy::tests::others;
use crate::policy::tests::public;
use crate::policy::tests::template;

fn served(servers: Value) -> Value {
    let mut document = public(&["/a/{x}"]);
    document["servers"] = servers;
    document
}

fn given(base: &str) -> CompileOptions {
    CompileOptions {
        undeclared: Undeclared::Deny,
        base: Some(base.to_owned()),
        session_cookie: None,
    }
}

fn path(document: &Value, reading: &CompileOptions) -> String {
    let policy = Policy::compile(document, reading).unwrap_or_else(|faults| panic!("{faults}"));
    let path = policy.operations().next().unwrap().path.clone();
    assert_eq!(template(&policy, &path.replace("{x}", "1")), Some(path.as_str()));
    path
}

#[test]
fn the_path_of_the_servers_url_stands_before_every_path() {
    let reading = others(Undeclared::Deny);
    assert_eq!(path(&public(&["/a/{x}"]), &reading), "/a/{x}");
    for (urls, wanted) in [
        (vec![], "/a/{x}"),
        (vec!["/"], "/a/{x}"),
        (vec!["/v1"], "/v1/a/{x}"),
        (vec!["/v1/"], "/v1/a/{x}"),
        (vec!["https://api.example.com"], "/a/{x}"),
        (vec!["https://api.example.com:8443/v1/x"], "/v1/x/a/{x}"),
        (vec!["//api.example.com/v1"], "/v1/a/{x}"),
        (vec!["{scheme}://{region}.example.com:{port}/v1"], "/v1/a/{x}"),
        (vec!["https://one.example.com/v1", "http://two.example.com/v1/", "/v1"], "/v1/a/{x}"),
    ] {
        let servers = urls.iter().map(|url| json!({ "url": url })).collect();
        assert_eq!(path(&served(servers), &reading), wanted, "{urls:?}");
    }
}

#[test]
fn servers_that_leave_the_path_open_ask_for_the_base_and_a_given_base_overrules_them() {
    let reading = others(Undeclared::Deny);
    for (urls, at) in [
        (vec!["/v1", "/v2"], 1),
        (vec!["https://x.example.com", "https://x.example.com/v2"], 1),
        (vec!["https://x.example.com/{version}"], 0),
        (vec!["/{version}/api"], 0),
        (vec!["https://x.example.com/{a/b}"], 0),
        (vec!["v1"], 0),
        (vec!["./v1"], 0),
        (vec![""], 0),
        (vec!["https://x.example.com/v1?to=http://y/v2"], 0),
    ] {
        let servers: Value = urls.iter().map(|url| json!({ "url": url })).collect();
        let diagnostics = faults_of(&served(servers.clone()), &reading);
        assert_one(&diagnostics, &format!("document (#/servers/{at})"), "HALLPASS_POLICY_BASE");
        assert_eq!(path(&served(servers), &given("/v3/")), "/v3/a/{x}");
    }
}

#[test]
fn servers_of_a_path_or_an_operation_must_keep_to_the_same_path() {
    let reading = others(Undeclared::Deny);
    for (place, pointer) in [("/a/{x}", "/paths/~1a~1{x}"), ("GET /a/{x}", "/paths/~1a~1{x}/get")] {
        let mut document = served(json!([{ "url": "https://x.example.com/v1" }]));
        let item = document.pointer_mut(pointer).unwrap();
        item["servers"] = json!([{ "url": "https://uploads.example.com/v1" }]);
        assert_eq!(path(&document, &reading), "/v1/a/{x}");
        document.pointer_mut(pointer).unwrap()["servers"] = json!([{ "url": "/v2" }]);
        let diagnostics = faults_of(&document, &reading);
        assert_one(&diagnostics, &format!("{place} (#{pointer}/servers/0)"), "another path");
        assert_eq!(path(&document, &given("/v9")), "/v9/a/{x}");
    }
}

#[test]
fn a_given_base_must_be_a_path() {
    let document = served(json!([{ "url": "/v1" }]));
    for (base, wanted) in
        [("", "/a/{x}"), ("/", "/a/{x}"), ("/x", "/x/a/{x}"), ("/x/y/", "/x/y/a/{x}")]
    {
        assert_eq!(path(&document, &given(base)), wanted);
    }
    for base in ["v1", "https://x.example.com/v1", "/{v}", "/a?b", "/a#b"] {
        let diagnostics = faults_of(&document, &given(base));
        assert_one(&diagnostics, "HALLPASS_POLICY_BASE", "is not a path");
    }
    let relative = faults_of(&public(&["a"]), &given("/v1"));
    assert_one(&relative, "a (#/paths/a)", "does not begin with `/`");
}

#[test]
fn malformed_servers_are_faults() {
    let reading = others(Undeclared::Deny);
    for (servers, place, what) in [
        (json!({}), "document (#/servers)", "make it an array"),
        (json!(["/v1"]), "document (#/servers/0)", "make it an object"),
        (json!([{}]), "document (#/servers/0)", "has no `url`"),
        (json!([{ "url": 1 }]), "document (#/servers/0/url)", "make it a string"),
    ] {
        assert_one(&faults_of(&served(servers), &reading), place, what);
    }
}
