//! Targets of the fuzzer: documents, and paths against the router.

#![expect(clippy::panic, reason = "a panic is a finding")]

use actix_router::ResourceDef;
use serde_json::{Map, Value, json};

use crate::policy::{
    compile_options::{CompileOptions, Undeclared},
    compiled::{Lookup, Policy},
    decision::{Authentication, Authentications, Decision, Evaluation},
    explanation,
    operation::Operation,
    paths::decoded,
    requirement::Requirement,
};

/// A document in JSON: what it does not open stays closed, and every operation of the policy is found.
pub(crate) fn document(data: &[u8]) {
    let Ok(document) = serde_json::from_slice::<Value>(data) else { return };
    let base = || Some("/base".to_owned());
    let external = |undeclared, base| CompileOptions {
        undeclared,
        base,
        refuses_oversights: false,
        ..CompileOptions::own("access_token")
    };
    for (options, missing_opens) in [
        (CompileOptions::own("access_token"), false),
        (external(Undeclared::Deny, None), false),
        (external(Undeclared::Public, base()), true),
    ] {
        let policy = match Policy::compile(&document, &options) {
            Ok(policy) => policy,
            Err(diagnostics) => {
                assert!(diagnostics.iter().next().is_some());
                continue;
            }
        };
        explanation::table(&policy);
        for operation in policy.operations() {
            explanation::details(operation, "http://127.0.0.1:8080");
            match policy.look_up(&operation.method, &operation.path) {
                Lookup::Operation(found) => assert_eq!(found.position, operation.position),
                other => panic!("{} {}: {other:?}", operation.method, operation.path),
            }
            let is_open = is_open(&operation.requirement);
            assert!(!is_open || says_open(&document, operation, missing_opens), "{operation:?}");
        }
    }
}

/// Paths, one on a line; all but the first are templates. Policy and router agree on which ones match the first.
pub(crate) fn path(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.lines();
    let Some(first) = lines.next() else { return };
    let path = decoded(first);
    // What some reader may take for a dot segment matches nothing in the policy.
    let may_be_dots =
        |segment: &str| segment.starts_with('.') || segment.contains(['\\', ';', '%']);
    if !path.starts_with('/') || path.split('/').any(may_be_dots) {
        return;
    }
    // The router compares escapes as they are, reads what stands behind a colon as an expression, and drops an asterisk
    // at the end: an application that has such a template does not start.
    // It takes no more than 16 parameters.
    let is_read_alike = |line: &&str| {
        line.starts_with('/')
            && !line.contains(['%', ':'])
            && !line.ends_with('*')
            && line.matches('{').count() <= 16
    };
    let templates: Vec<_> = lines.filter(is_read_alike).map(renamed).collect();
    let item = json!({ "get": { "security": [] } });
    let paths: Map<_, _> = templates.iter().map(|path| (path.clone(), item.clone())).collect();
    let document = json!({ "openapi": "3.1.0", "paths": paths });
    let Ok(policy) = Policy::compile(&document, &CompileOptions::own("access_token")) else {
        return;
    };
    // The router panics on a malformed template, which the policy does not take.
    let by_router: Vec<_> = templates
        .iter()
        .filter(|template| ResourceDef::new(template.as_str()).is_match(&path))
        .collect();
    match policy.find("GET", &path) {
        Lookup::Operation(found) => assert!(by_router.contains(&&found.path), "{}", found.path),
        _ => assert!(by_router.is_empty(), "{by_router:?}"),
    }
}

/// The template with names of parameters that the router takes.
fn renamed(template: &str) -> String {
    let mut renamed = String::new();
    let mut rest = template;
    let mut count = 0;
    while let Some((literal, tail)) = rest.split_once('{') {
        let Some((_, tail)) = tail.split_once('}') else { break };
        renamed.push_str(&format!("{literal}{{p{count}}}"));
        (rest, count) = (tail, count + 1);
    }
    renamed + rest
}

fn is_open(requirement: &Requirement) -> bool {
    let mut authentications = Authentications::default();
    loop {
        match requirement.evaluate(&authentications) {
            Evaluation::Authenticate(scheme) => {
                authentications.insert(scheme, Authentication::Missing);
            }
            Evaluation::Decided(decision) => return matches!(decision, Decision::Allow { .. }),
        }
    }
}

/// Whether the document itself opens this operation. References are not followed.
fn says_open(document: &Value, operation: &Operation, missing_opens: bool) -> bool {
    let Some(items) = document["paths"].as_object() else { return false };
    items.iter().filter(|(path, _)| operation.path.ends_with(path.as_str())).any(|(_, item)| {
        let method = operation.method.to_ascii_lowercase();
        let own = item.get(&method).and_then(|declared| declared.get("security"));
        match own.or_else(|| document.get("security")) {
            _ if item.get("$ref").is_some() => true,
            None => missing_opens,
            Some(security) => security
                .as_array()
                .is_some_and(|all| all.is_empty() || all.iter().any(|one| *one == json!({}))),
        }
    })
}
