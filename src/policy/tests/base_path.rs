//! The base path.

use serde_json::{Value, json};

use crate::policy::{
    compile_options::{CompileOptions, Undeclared},
    compiled::Policy,
    tests::{assert_one, errors_with, external, public, template},
};

fn served(servers: Value) -> Value {
    let mut document = public(&["/a/{x}"]);
    document["servers"] = servers;
    document
}

fn given(base: &str) -> CompileOptions {
    CompileOptions { base: Some(base.to_owned()), ..external(Undeclared::Deny) }
}

fn path(document: &Value, options: &CompileOptions) -> String {
    let policy = Policy::compile(document, options).unwrap_or_else(|errors| panic!("{errors}"));
    let path = policy.operations().next().unwrap().path.clone();
    assert_eq!(template(&policy, &path.replace("{x}", "1")), Some(path.as_str()));
    path
}

#[test]
fn the_path_of_the_server_url_precedes_every_path() {
    let options = external(Undeclared::Deny);
    assert_eq!(path(&public(&["/a/{x}"]), &options), "/a/{x}");
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
        assert_eq!(path(&served(servers), &options), wanted, "{urls:?}");
    }
}

#[test]
fn ambiguous_servers_need_a_configured_base_path() {
    let options = external(Undeclared::Deny);
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
        let diagnostics = errors_with(&served(servers.clone()), &options);
        assert_one(&diagnostics, &format!("document (#/servers/{at})"), "HALLPASS_POLICY_BASE");
        assert_eq!(path(&served(servers), &given("/v3/")), "/v3/a/{x}");
    }
}

#[test]
fn servers_of_path_items_and_operations_must_have_the_base_path() {
    let options = external(Undeclared::Deny);
    for (location, pointer) in
        [("/a/{x}", "/paths/~1a~1{x}"), ("GET /a/{x}", "/paths/~1a~1{x}/get")]
    {
        let mut document = served(json!([{ "url": "https://x.example.com/v1" }]));
        let item = document.pointer_mut(pointer).unwrap();
        item["servers"] = json!([{ "url": "https://uploads.example.com/v1" }]);
        assert_eq!(path(&document, &options), "/v1/a/{x}");
        document.pointer_mut(pointer).unwrap()["servers"] = json!([{ "url": "/v2" }]);
        let diagnostics = errors_with(&document, &options);
        assert_one(&diagnostics, &format!("{location} (#{pointer}/servers/0)"), "another path");
        assert_eq!(path(&document, &given("/v9")), "/v9/a/{x}");
    }
}

#[test]
fn a_configured_base_path_must_be_a_path() {
    let document = served(json!([{ "url": "/v1" }]));
    for (base, wanted) in
        [("", "/a/{x}"), ("/", "/a/{x}"), ("/x", "/x/a/{x}"), ("/x/y/", "/x/y/a/{x}")]
    {
        assert_eq!(path(&document, &given(base)), wanted);
    }
    for base in ["v1", "https://x.example.com/v1", "/{v}", "/a?b", "/a#b"] {
        let diagnostics = errors_with(&document, &given(base));
        assert_one(&diagnostics, "HALLPASS_POLICY_BASE", "is not a path");
    }
    let relative = errors_with(&public(&["a"]), &given("/v1"));
    assert_one(&relative, "a (#/paths/a)", "does not begin with `/`");
}

#[test]
fn malformed_servers_are_errors() {
    let options = external(Undeclared::Deny);
    for (servers, location, what) in [
        (json!({}), "document (#/servers)", "make it an array"),
        (json!(["/v1"]), "document (#/servers/0)", "make it an object"),
        (json!([{}]), "document (#/servers/0)", "has no `url`"),
        (json!([{ "url": 1 }]), "document (#/servers/0/url)", "make it a string"),
    ] {
        assert_one(&errors_with(&served(servers), &options), location, what);
    }
}
