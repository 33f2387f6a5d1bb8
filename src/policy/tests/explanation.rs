//! The policy as text.

use serde_json::{Value, json};

use crate::policy::{
    compile_options::Undeclared,
    compiled::Policy,
    explanation::{details, table},
    tests::{document, external, operation, own, secured},
};

fn details_of(security: Value) -> String {
    let policy = own(&secured(security));
    details(operation(&policy, "GET", "/a"), "http://127.0.0.1:8080/")
}

#[test]
fn the_table_is_aligned_and_in_document_order() {
    let document = document(
        "3.1.0",
        json!({
            "/z": { "post": { "security": [{ "bearer": ["admin"] }, { "session": ["admin"] }] } },
            "/é/{id}": { "get": { "security": [
                { "oauth2": ["read", "write"] }, { "apiKey": [], "bearer": ["a", "b"] }, { "basic": [] }, {},
            ] }, "delete": {} },
            "/a": { "get": { "security": [] } },
        }),
    );
    let policy = Policy::compile(&document, &external(Undeclared::Deny)).unwrap();
    let wanted = "\
OPERATION       CREDENTIALS         ROLES         SCOPES
POST /z         bearer or session   admin
GET /é/{id}     oauth2                            read, write
                or apiKey + bearer  bearer: a, b
                or basic or anonymous
DELETE /é/{id}  denied
GET /a          public
";
    // The widest cell sets the width of its column.
    let widened = wanted
        .replace("CREDENTIALS         ", "CREDENTIALS            ")
        .replace("or session   ", "or session      ")
        .replace("oauth2              ", "oauth2                 ")
        .replace("+ bearer  ", "+ bearer     ");
    assert_eq!(table(&policy), widened);
}

#[test]
fn details_name_every_credential_and_its_location() {
    let security = json!([
        { "bearer": ["admin"] }, { "apiKeyQuery": [] }, { "session": [], "basic": ["a", "b"] }, {},
    ]);
    assert_eq!(
        details_of(security),
        "\
GET /a
needs one of
- bearer, roles admin
    Authorization: Bearer <token>
- apiKeyQuery
    query api_key
- session + basic, roles basic: a, b (all at once, for the same subject)
    cookie access_token
    Authorization: Basic <name and secret>
- anonymous: no credential is needed, but an invalid one is refused

curl -H \"Authorization: Bearer $TOKEN\" http://127.0.0.1:8080/a
"
    );
}

#[test]
fn the_curl_command_sends_the_first_credential() {
    let curl = |security| details_of(security).lines().last().unwrap().to_owned();
    let url = "http://127.0.0.1:8080/a";
    assert_eq!(curl(json!([{ "apiKey": [] }])), format!("curl -H \"X-API-Key: $API_KEY\" {url}"));
    let query = format!("curl {url}'?api_key='\"$API_KEY\"");
    assert_eq!(curl(json!([{}, { "apiKeyQuery": [] }])), query);
    let cookie = format!("curl -b \"access_token=$TOKEN\" {url}");
    assert_eq!(curl(json!([{ "session": [] }])), cookie);
    assert_eq!(curl(json!([{ "basic": [] }])), format!("curl -u \"$CLIENT_ID:$API_KEY\" {url}"));
    let oauth2 = format!("curl -H \"Authorization: Bearer $TOKEN\" {url}");
    assert_eq!(curl(json!([{ "oauth2": [] }])), oauth2);
    assert_eq!(curl(json!([{}])), format!("curl {url}"));
    assert_eq!(curl(json!([])), format!("curl {url}"));
}

#[test]
fn details_distinguish_public_denied_and_other_methods() {
    let document = document(
        "3.1.0",
        json!({ "/a/{id}": { "post": { "security": [], "summary": "Do it" }, "put": {}, "head": {
            "security": [],
        } } }),
    );
    let policy = Policy::compile(&document, &external(Undeclared::Deny)).unwrap();
    let shown = |method| details(operation(&policy, method, "/a/1"), "http://h");
    assert_eq!(
        shown("POST"),
        "POST /a/{id}: Do it\npublic: no credential is read\n\ncurl -X POST 'http://h/a/{id}'\n"
    );
    assert!(shown("HEAD").ends_with("curl --head 'http://h/a/{id}'\n"));
    let denied = "denied: the document declares no `security` for it\n";
    assert_eq!(shown("PUT"), format!("PUT /a/{{id}}\n{denied}"));
}

#[test]
fn a_hostile_document_cannot_inject_into_shell_or_terminal() {
    let mut document = document(
        "3.1.0",
        json!({ "/$(id)'`id`\u{1b}[2J": { "get": { "security": [{ "k": [] }], "summary": "\u{7}" } } }),
    );
    document["components"]["securitySchemes"]["k"] =
        json!({ "type": "apiKey", "in": "header", "name": "a$b`'" });
    let policy = own(&document);
    let text = details(policy.operations().next().unwrap(), "http://h") + &table(&policy);
    assert!(!text.contains(['\u{1b}', '\u{7}']), "{text:?}");
    let curl = r#"curl -H 'a$b`'\'': '"$API_KEY" 'http://h/$(id)'\''`id`"#;
    assert!(text.contains(curl), "{text}");
}

/// The curl command of an operation with this body.
fn curl_with(body: Value) -> String {
    let mut document = document("3.1.0", json!({ "/a": { "post": { "security": [] } } }));
    document["paths"]["/a"]["post"]["requestBody"] = body;
    document["components"]["schemas"] = json!({
        "Form": {
            "required": ["grant", "token", "a b"],
            "properties": { "grant": { "example": "it's" }, "token": { "example": "eyJ..." } },
        },
        "Circle": { "$ref": "#/components/schemas/Circle" },
    });
    let policy = own(&document);
    let text = details(operation(&policy, "POST", "/a"), "http://h");
    text.lines().last().unwrap().to_owned()
}

#[test]
fn the_curl_command_sends_a_required_body() {
    let form = |content: Value| json!({ "required": true, "content": { "application/x-www-form-urlencoded": content } });
    let json_body = |example: Value| json!({ "required": true, "content": { "application/json": { "example": example } } });
    for (body, options) in [
        (
            form(json!({ "schema": { "$ref": "#/components/schemas/Form" } })),
            " -d 'grant=it%27s' --data-urlencode \"token=$TOKEN\" --data-urlencode 'a%20b='\"$A_20B\"",
        ),
        (form(json!({ "example": { "x_y": 1 } })), " -d x_y=1"),
        (
            json_body(json!({ "a": "it's $HOME" })),
            " -H \"Content-Type: application/json\" -d '{\"a\":\"it'\\''s $HOME\"}'",
        ),
    ] {
        assert_eq!(curl_with(body), format!("curl -X POST{options} http://h/a"));
    }
}

#[test]
fn a_body_without_a_usable_example_is_left_out() {
    for body in [
        Value::Null,
        json!([]),
        json!({ "required": false, "content": { "application/json": { "example": 1 } } }),
        json!({ "required": true }),
        json!({ "required": true, "content": { "application/json": {} } }),
        json!({ "required": true, "content": { "text/plain": { "example": "x" } } }),
        json!({ "required": true, "content": { "application/x-www-form-urlencoded": { "example": 1 } } }),
        json!({ "required": true, "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Circle" } } } }),
        json!({ "required": true, "content": { "application/json": { "schema": { "$ref": "other.yaml" } } } }),
    ] {
        assert_eq!(curl_with(body), "curl -X POST http://h/a");
    }
}
