//! Which template matches a path.

use actix_router::ResourceDef;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

use crate::policy::{
    compile_options::Undeclared,
    compiled::{Lookup, Policy},
    paths::{Template, decoded},
    requirement::Requirement,
    template_tree::TemplateTree,
    tests::{
        assert_error, assert_one, document, errors, errors_with, external, operation, own, public,
        template,
    },
};

#[test]
fn concrete_paths_and_earlier_literals_take_precedence() {
    let paths = ["/{a}/{b}", "/{a}/x", "/u/{id}", "/u/me", "/f/{n}", "/f/{n}.{e}", "/f/{n}.json"];
    for order in [paths.to_vec(), paths.iter().rev().copied().collect()] {
        let policy = own(&public(&order));
        for (path, wanted) in [
            ("/u/me", "/u/me"),
            ("/u/you", "/u/{id}"),
            ("/u/x", "/u/{id}"),
            ("/v/x", "/{a}/x"),
            ("/v/y", "/{a}/{b}"),
            ("/f/a", "/f/{n}"),
            ("/f/a.txt", "/f/{n}.{e}"),
            ("/f/a.json", "/f/{n}.json"),
            ("/f/a.", "/f/{n}"),
        ] {
            assert_eq!(template(&policy, path), Some(wanted), "{path}");
        }
    }
}

#[test]
fn paths_where_templates_cross_are_ambiguous_if_their_requirements_differ() {
    let public = json!({ "security": [] });
    let token = json!({ "security": [{ "bearer": [] }] });
    let policy = own(&document(
        "3.1.0",
        json!({
            "/users/me/{what}": { "get": public, "put": token, "delete": public },
            "/users/{id}/keys": { "get": token, "put": token, "options": token },
            "/users/{id}/{what}": { "get": token, "delete": token },
            "/files/{name}": { "get": token },
            "/files/{name}.txt": { "get": public },
        }),
    ));
    for (method, path, ambiguous) in [
        ("GET", "/users/me/keys", true),
        ("HEAD", "/users/me/keys", true),
        // A preflight must not pass for an OPTIONS that has a requirement.
        ("OPTIONS", "/users/me/keys", true),
        ("PUT", "/users/me/keys", false),
        // Only templates that are less specific in every segment have another requirement.
        ("DELETE", "/users/me/keys", false),
        ("GET", "/users/me/name", false),
        ("GET", "/users/7/keys", false),
        ("GET", "/files/a.txt", false),
        ("GET", "/nothing", false),
    ] {
        assert_eq!(policy.is_ambiguous(method, path), ambiguous, "{method} {path}");
    }
}

#[test]
fn a_parameter_matches_one_segment_that_is_not_empty() {
    let policy = own(&public(&["/a/{x}", "/b/{x}/", "/c/{x}-{y}", "/d/{x}{y}", "/"]));
    for (path, wanted) in [
        ("/", Some("/")),
        ("/a/1", Some("/a/{x}")),
        ("/a/ü", Some("/a/{x}")),
        ("/a/x%2Fy", Some("/a/{x}")),
        ("/a/", None),
        ("/a//", None),
        ("/a", None),
        ("/a/1/", None),
        ("/a/1/2", None),
        ("//a/1", None),
        ("/A/1", None),
        ("/b/1/", Some("/b/{x}/")),
        ("/b/1", None),
        ("/b//", None),
        ("/c/a-b-c", Some("/c/{x}-{y}")),
        ("/c/--b", Some("/c/{x}-{y}")),
        ("/c/-b", None),
        ("/c/a-", None),
        ("/d/1", None),
        ("/d/é", None),
        ("/d/éè", Some("/d/{x}{y}")),
        ("", None),
        ("a/1", None),
    ] {
        assert_eq!(template(&policy, path), wanted, "{path}");
    }
}

#[test]
fn dot_segments_match_no_parameter() {
    let policy = own(&public(&["/a/{x}", "/{x}/b"]));
    for path in ["/a/..", "/a/.", "/a/..;v=1", "/a/..%2Fb", "/a/x%2f..", "/a/..\\b", "/../b"] {
        assert_eq!(policy.find("GET", path), Lookup::NotFound, "{path}");
    }
    for path in ["/a/...", "/a/.x", "/a/x..y", "/a/..x"] {
        assert_eq!(template(&policy, path), Some("/a/{x}"), "{path}");
    }
}

#[test]
fn characters_of_templates_have_no_special_meaning() {
    let policy = own(&public(&["/a.c/{x}", "/a*", "/b/{x}/*", "/(c)/[{x}]+", "/{x:[0-9]+}/d"]));
    for (path, wanted) in [
        ("/a.c/1", Some("/a.c/{x}")),
        ("/abc/1", None),
        ("/a*", Some("/a*")),
        ("/aa", None),
        ("/b/1/*", Some("/b/{x}/*")),
        ("/b/1/2", None),
        ("/(c)/[1]+", Some("/(c)/[{x}]+")),
        ("/c/1", None),
        ("/abc/d", Some("/{x:[0-9]+}/d")),
    ] {
        assert_eq!(template(&policy, path), wanted, "{path}");
    }
}

#[test]
fn percent_encoding_in_the_document_is_decoded_as_in_requests() {
    let policy = own(&public(&["/k%65ys", "/ü", "/a%20b/{x}", "/s%2Ft", "/p%25", "/q%7Bx%7D"]));
    for (raw, wanted) in [
        ("/keys", Some("/k%65ys")),
        ("/k%65%79s", Some("/k%65ys")),
        ("/%C3%BC", Some("/ü")),
        ("/a%20b/1", Some("/a%20b/{x}")),
        ("/s%2Ft", Some("/s%2Ft")),
        ("/s/t", None),
        ("/p%25", Some("/p%25")),
        ("/p%2525", None),
        ("/q%7Bx%7D", Some("/q%7Bx%7D")),
        ("/q1", None),
    ] {
        assert_eq!(template(&policy, &decoded(raw)), wanted, "{raw}");
    }
}

#[test]
fn malformed_paths_are_errors() {
    let long = "/a".repeat(128);
    for (path, what) in [
        (long.as_str(), "has more than 128 segments"),
        ("a", "does not begin with `/`"),
        ("", "does not begin with `/`"),
        ("/a?b=c", "contains `?` or `#`"),
        ("/a#b", "contains `?` or `#`"),
        ("/{a}*", "ends with `}*`"),
        ("/{a", "unbalanced brace"),
        ("/a}", "unbalanced brace"),
        ("/}{", "unbalanced brace"),
        ("/{{a}}", "unbalanced brace"),
        ("/{a/b}", "unbalanced brace"),
        ("/{}", "without a name"),
        ("/{a}/{a}", "two parameters `a`"),
        ("/{a}{a}", "two parameters `a`"),
    ] {
        let pointer = path.replace('/', "~1");
        assert_error(&public(&[path]), &format!("{path} (#/paths/{pointer})"), what);
    }
}

#[test]
fn templates_that_differ_only_in_names_or_encoding_are_errors() {
    for (one, other) in [("/a/{x}", "/a/{y}"), ("/a", "/%61"), ("/{x}.{y}/b", "/{y}.{x}/b")] {
        let diagnostics = errors(&public(&[one, other]));
        assert!(
            diagnostics.to_string().contains(&format!("the same path as `{one}`")),
            "{diagnostics}"
        );
    }
    own(&public(&["/a/{x}", "/a/{x}/", "/A/{x}", "/a/{x}.{y}"]));
}

/// A document of another service whose paths differ only in the names of parameters.
fn same_path(first: Value, second: Value) -> Value {
    document("3.1.0", json!({ "/a/{x}/{y}": first, "/b": {}, "/a/{y}/{z}": second }))
}

#[test]
fn templates_of_other_services_that_differ_only_in_names_are_one_path() {
    let (open, closed) = (json!({ "security": [] }), json!({ "security": [{ "bearer": [] }] }));
    let document = same_path(
        json!({ "get": open, "delete": closed }),
        json!({ "get": open, "post": closed, "head": closed }),
    );
    let policy = Policy::compile(&document, &external(Undeclared::Deny)).unwrap();
    let operations: Vec<_> =
        policy.operations().map(|one| format!("{} {}", one.method, one.path)).collect();
    assert_eq!(
        operations,
        ["GET /a/{x}/{y}", "DELETE /a/{x}/{y}", "POST /a/{y}/{z}", "HEAD /a/{y}/{z}"]
    );
    for (position, operation) in policy.operations().enumerate() {
        assert_eq!(operation.position, position);
    }
    for (method, is_public) in [("GET", true), ("HEAD", false), ("DELETE", false), ("POST", false)]
    {
        let found = operation(&policy, method, "/a/1/2");
        assert_eq!(found.method, method);
        assert_eq!(found.requirement == Requirement::Public, is_public, "{method}");
        for template in ["/a/{x}/{y}", "/a/{y}/{z}"] {
            assert_eq!(policy.look_up(method, template), Lookup::Operation(found), "{template}");
        }
    }
    let allow = "DELETE, GET, HEAD, POST";
    assert_eq!(policy.find("PUT", "/a/1/2"), Lookup::MethodNotAllowed { allow });
}

#[test]
fn another_security_for_the_same_path_is_an_error() {
    let of = |roles: Value| json!({ "get": { "security": [{ "bearer": roles }] } });
    let document = same_path(of(json!(["a"])), of(json!(["b"])));
    assert_one(
        &errors_with(&document, &external(Undeclared::Deny)),
        "GET /a/{y}/{z} (#/paths/~1a~1{y}~1{z})",
        "has another `security` than GET /a/{x}/{y}",
    );
    // What is not declared is denied, which is not what the other one says.
    let undeclared = same_path(of(json!(["a"])), json!({ "get": {} }));
    errors_with(&undeclared, &external(Undeclared::Deny));
}

#[test]
fn look_up_takes_templates_and_paths() {
    let policy = own(&public(&["/f/{n}", "/f/{n}.{e}", "/u/{x}"]));
    for (text, wanted) in [
        ("/f/{n}", "/f/{n}"),
        ("/f/{n}.{e}", "/f/{n}.{e}"),
        ("/f/a.b", "/f/{n}.{e}"),
        ("/%75/1", "/u/{x}"),
    ] {
        match policy.look_up("GET", text) {
            Lookup::Operation(operation) => assert_eq!(operation.path, wanted),
            other => panic!("{text}: {other:?}"),
        }
    }
    assert_eq!(policy.look_up("GET", "/none"), Lookup::NotFound);
    assert_eq!(policy.look_up("PUT", "/f/{n}"), Lookup::MethodNotAllowed { allow: "GET, HEAD" });
}

#[test]
fn an_empty_document_finds_nothing() {
    let policy = own(&super::document("3.1.0", json!({})));
    assert_eq!(policy.find("GET", "/"), Lookup::NotFound);
}

/// The router decides which handler runs, so both must agree on what a template matches.
#[test]
fn the_matcher_agrees_with_the_router() {
    let mut random = StdRng::seed_from_u64(7);
    let mut text = |pieces: &[&str], longest: usize| {
        let length = random.random_range(1..=longest);
        let pick = |_| pieces[random.random_range(0..pieces.len())];
        let text: String = (0..length).map(pick).collect();
        format!("/{text}")
    };
    let mut matched = 0;
    for _ in 0..4_000 {
        let shape = text(&["a", "b", "/", ".", "-", "é", "{}", "{}"], 7);
        let named = |name: fn(usize) -> String| {
            let parts = shape.split("{}").enumerate();
            parts.fold(String::new(), |all, (at, part)| match at {
                0 => part.to_owned(),
                _ => format!("{all}{{{}}}{part}", name(at)),
            })
        };
        let template = Template::parse(&named(|at| format!("any name {at}"))).unwrap();
        let router = ResourceDef::new(named(|at| format!("p{at}")));
        let ours = TemplateTree::new([template]);
        for _ in 0..20 {
            let path = text(&["a", "b", "/", ".", "-", "é", "a"], 8);
            if path.split('/').any(|segment| segment == "." || segment == "..") {
                continue;
            }
            let wanted = router.is_match(&path);
            matched += usize::from(wanted);
            assert_eq!(ours.find(&path).is_some(), wanted, "{shape} on {path}");
        }
    }
    assert!(matched > 1_000, "the generator must find matches, not only {matched}");
}

#[test]
fn the_most_specific_of_all_templates_that_match_is_found() {
    let mut random = StdRng::seed_from_u64(8);
    let segments = ["a", "b", "ab", "{}", "{}", "a{}", "{}a", "{}b", "a{}b", "{}.{}"];
    let mut several = 0;
    for _ in 0..1000 {
        let mut templates: Vec<Template> = Vec::new();
        for _ in 0..random.random_range(1..12) {
            let count = random.random_range(1..=3);
            let text: String = (0..count)
                .map(|_| format!("/{}", segments[random.random_range(0..segments.len())]))
                .collect();
            let parts = text.split("{}").enumerate();
            let named = parts.fold(String::new(), |all, (at, part)| match at {
                0 => part.to_owned(),
                _ => format!("{all}{{p{at}}}{part}"),
            });
            let template = Template::parse(&named).unwrap();
            if !templates.contains(&template) {
                templates.push(template);
            }
        }
        let all = TemplateTree::new(templates.clone());
        let alone: Vec<_> = templates.iter().map(|one| TemplateTree::new([one.clone()])).collect();
        for _ in 0..30 {
            let texts = ["a", "b", "ab", "aab", "a.b", "", "c"];
            let path: String = (0..random.random_range(1..=3))
                .map(|_| format!("/{}", texts[random.random_range(0..texts.len())]))
                .collect();
            let matching: Vec<_> =
                (0..templates.len()).filter(|at| alone[*at].find(&path).is_some()).collect();
            several += usize::from(matching.len() > 1);
            // The first of several that are equally specific.
            let wanted = matching.into_iter().min_by_key(|at| templates[*at].rank());
            assert_eq!(all.find(&path), wanted, "{path}: {templates:?}");
        }
    }
    assert!(several > 500, "{several}");
}
