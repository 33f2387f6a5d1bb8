//! `hallpass explain --matrix` says what the running service answers.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use crate::support::{accounts::unknown_key, folder::Folder, server::Server};

/// The client that stands for a kind of caller, and whether it sends tokens and keys. Our own document names one role and
/// no scopes.
const CALLERS: [(&str, &str, bool, bool); 6] = [
    ("nothing", "reader", false, false),
    ("bad", "(nobody)", true, true),
    ("token", "reader", true, false),
    ("roles admin", "admin", true, false),
    ("key", "reader", false, true),
    ("both", "admin", true, true),
];

type Header = (String, String);

/// The headers and the query of one request.
type Presented = (Vec<Header>, Option<String>);

/// What a client sends for these schemes of an operation. `Authorization` has one scheme, and a cookie counts alone, so it
/// may take several requests.
fn presented(
    server: &Server,
    client: &str,
    sends: [bool; 2],
    schemes: &BTreeSet<&str>,
) -> Vec<Presented> {
    let (token, key) = match client {
        "(nobody)" => ("no.such.token".to_owned(), unknown_key()),
        client => (server.login(client), server.accounts.key(client).to_owned()),
    };
    let basic = STANDARD.encode(format!("{client}:{key}"));
    let header = |name: &str, value: String| (vec![(name.to_owned(), value)], None);
    let all = [
        (
            sends[0],
            ["bearer", "oauth2", "openIdConnect"].as_slice(),
            header("Authorization", format!("Bearer {token}")),
        ),
        (sends[0], &["session"], header("Cookie", format!("access_token={token}"))),
        (sends[1], &["basic"], header("Authorization", format!("Basic {basic}"))),
        (sends[1], &["apiKey"], header("X-API-Key", key.clone())),
        (sends[1], &["apiKeyCookie"], header("Cookie", format!("api_key={key}"))),
        (sends[1], &["apiKeyQuery"], (Vec::new(), Some(format!("api_key={key}")))),
    ];
    let is_taken = |names: &[&str]| names.iter().any(|name| schemes.contains(name));
    let sent = all.into_iter().filter(|(sends, names, _)| *sends && is_taken(names));
    let sent: Vec<_> = sent.map(|(_, _, presented)| presented).collect();
    if sent.is_empty() { vec![(Vec::new(), None)] } else { sent }
}

/// `200` where the operation's own handler answered.
fn cell(server: &Server, operation: &str, (headers, query): &Presented) -> &'static str {
    let (method, path) = operation.split_once(' ').unwrap();
    let path = path.replace("{name}", "index.css");
    let mut request = server.anonymous().request(method, &path).headers(headers);
    if path == "/verify" {
        request = request.header("X-Forwarded-Method", method);
        let query = query.as_ref().map_or(String::new(), |query| format!("?{query}"));
        request = request.header("X-Forwarded-Uri", format!("/any{query}"));
    } else if let Some(query) = query {
        request = request.query(query);
    }
    let answer = request.answer();
    match answer.status {
        401 => "401",
        403 => "403",
        404 | 405 if path != "/docs/index.css" => panic!("{operation}: {}", answer.text()),
        _ => "200",
    }
}

#[test]
fn every_cell_of_our_own_matrix_is_what_the_service_answers() {
    let settings = [("HALLPASS_TRUSTED_PROXIES", "127.0.0.0/8"), ("HALLPASS_RATE_LIMIT", "off")];
    let server = Server::start_with(&settings);
    let matrix = Folder::new().run("explain --matrix").success().out;
    let rows: Vec<Vec<&str>> = matrix
        .lines()
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();
    let titles = &rows[0][1..];
    assert_eq!(titles, CALLERS.map(|(title, ..)| title));
    let explained = Folder::new().run("explain --json").success().out;
    let explained: Value = serde_json::from_str(&explained).unwrap();
    let schemes: BTreeMap<String, BTreeSet<&str>> = explained
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            let name = |part: &str| one[part].as_str().unwrap();
            let demands = one["alternatives"].as_array().unwrap().iter();
            let demands = demands.flat_map(|alternative| alternative.as_array().unwrap());
            let schemes = demands.map(|demand| demand["scheme"].as_str().unwrap()).collect();
            (format!("{} {}", name("method"), name("path")), schemes)
        })
        .collect();
    assert_eq!(rows.len() - 2, schemes.len());
    for row in &rows[2..] {
        let operation = row[0];
        for ((title, client, token, key), documented) in CALLERS.iter().zip(&row[1..]) {
            let requests = presented(&server, client, [*token, *key], &schemes[operation]);
            let answers = requests.iter().map(|one| cell(&server, operation, one));
            // The most specific refusal, or none.
            let answered = answers
                .max_by_key(|answer| ["401", "403", "200"].iter().position(|one| one == answer));
            assert_eq!(answered, Some(*documented), "{operation}, {title}\n{matrix}");
        }
    }
}
