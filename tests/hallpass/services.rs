//! Documents of well-known services are enforced, or refused with the reason; see `services/README.md`.

use std::{fs, path::Path};

use serde_json::Value;

use crate::support::folder::{CommandOutput, Folder};

fn explain(file: &str, arguments: &str, environment: &[(&str, &str)]) -> CommandOutput {
    let folder = Folder::new();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hallpass/services").join(file);
    folder.write(file, &fs::read_to_string(path).unwrap());
    folder.run_with(environment, &format!("explain --openapi {file} {arguments}"))
}

/// What an operation demands, as in `key or token(read write) or nothing`.
fn demands(operation: &Value) -> String {
    let list = |value: &Value| value.as_array().unwrap().clone();
    let demand = |demand: &Value| {
        let words = [list(&demand["roles"]), list(&demand["scopes"])].concat();
        let words: Vec<_> = words.iter().map(|word| word.as_str().unwrap()).collect();
        let scheme = demand["scheme"].as_str().unwrap();
        if words.is_empty() { scheme.to_owned() } else { format!("{scheme}({})", words.join(" ")) }
    };
    let alternative = |one: &Value| match list(one).as_slice() {
        [] => "nothing".to_owned(),
        demands => demands.iter().map(demand).collect::<Vec<_>>().join(" and "),
    };
    match operation["access"].as_str().unwrap() {
        access @ ("public" | "denied") => access.to_owned(),
        _ => {
            let alternatives = list(&operation["alternatives"]);
            alternatives.iter().map(alternative).collect::<Vec<_>>().join(" or ")
        }
    }
}

#[test]
fn operations_of_well_known_services_demand_what_their_documents_say() {
    for (file, operations) in [
        ("github.json", &["GET /user: denied", "DELETE /repos/{owner}/{repo}: denied"][..]),
        (
            "stripe.yaml",
            &[
                "GET /v1/charges: basicAuth or bearerAuth",
                "GET /v1/charges/{charge}: basicAuth or bearerAuth",
            ],
        ),
        ("openai.yaml", &["GET /v1/models: ApiKeyAuth", "DELETE /v1/models/{model}: ApiKeyAuth"]),
        (
            "petstore.yaml",
            &[
                "PUT /api/v3/pet: petstore_auth(write:pets read:pets)",
                "GET /api/v3/pet/{petId}: api_key or petstore_auth(write:pets read:pets)",
                "GET /api/v3/store/inventory: api_key",
                "GET /api/v3/user/login: denied",
            ],
        ),
        ("non-oauth-scopes.yaml", &["GET /users: bearerAuth(read:users public)"]),
        (
            "jira.json",
            &[
                "GET /rest/api/3/issue/{issueIdOrKey}: basicAuth or OAuth2(read:jira-work) or nothing",
                "DELETE /rest/api/3/issue/{issueIdOrKey}: basicAuth or OAuth2(write:jira-work)",
                "GET /rest/api/3/serverInfo: nothing",
                "GET /rest/atlassian-connect/1/addons/{addonKey}/properties: public",
            ],
        ),
        (
            "datadog.yaml",
            &[
                "GET /api/v1/validate: apiKeyAuth",
                "GET /api/v1/dashboard: apiKeyAuth and appKeyAuth or AuthZ(dashboards_read)",
                "GET /api/v1/downtime: apiKeyAuth and appKeyAuth",
                "GET /: public",
            ],
        ),
        (
            "xero.yaml",
            &[
                "GET /api.xro/2.0/Contacts: OAuth2(accounting.contacts accounting.contacts.read)",
                "POST /api.xro/2.0/Contacts/{ContactID}: OAuth2(accounting.contacts)",
            ],
        ),
        (
            "twilio.json",
            &[
                "GET /2010-04-01/Accounts/{Sid}.json: accountSid_authToken",
                "DELETE /2010-04-01/Accounts/{AccountSid}/Messages/{Sid}.json: accountSid_authToken",
            ],
        ),
    ] {
        let list: Value =
            serde_json::from_str(&explain(file, "--json", &[]).success().out).unwrap();
        let text = |one: &Value, field: &str| one[field].as_str().unwrap().to_owned();
        let found: Vec<_> = list
            .as_array()
            .unwrap()
            .iter()
            .map(|one| format!("{} {}: {}", text(one, "method"), text(one, "path"), demands(one)))
            .collect();
        for operation in operations {
            assert!(found.iter().any(|one| one == operation), "{file}: {operation}: {found:#?}");
        }
    }
}

#[test]
fn requests_for_well_known_services_find_their_operation() {
    for (file, request, demanded) in [
        ("stripe.yaml", "GET /v1/charges/search", "basicAuth or bearerAuth"),
        ("stripe.yaml", "HEAD /v1/charges/ch_1", "basicAuth or bearerAuth"),
        ("petstore.yaml", "GET /api/v3/pet/findByStatus", "petstore_auth(write:pets read:pets)"),
        ("petstore.yaml", "GET /api/v3/pet/7", "api_key or petstore_auth(write:pets read:pets)"),
        (
            "xero.yaml",
            "GET /api.xro/2.0/Contacts/7",
            "OAuth2(accounting.contacts accounting.contacts.read)",
        ),
        ("twilio.json", "GET /2010-04-01/Accounts/AC1.json", "accountSid_authToken"),
        ("datadog.yaml", "GET /", "public"),
    ] {
        let answer = explain(file, &format!("--json {request}"), &[]).success();
        let list: Value = serde_json::from_str(&answer.out).unwrap();
        assert_eq!(demands(&list[0]), demanded, "{file}: {request}");
    }
    let public = [("HALLPASS_POLICY_UNDECLARED", "public")];
    let github = explain("github.json", "--json GET /repos/octocat/hello", &public).success();
    let list: Value = serde_json::from_str(&github.out).unwrap();
    assert_eq!(demands(&list[0]), "public");
    for (file, request) in [
        ("openai.yaml", "GET /models"),
        ("twilio.json", "GET /2010-04-01/Accounts/AC1"),
        ("petstore.yaml", "GET /api/v3/pet/7/photos"),
    ] {
        explain(file, request, &[]).exit_code(1).stdout_contains(&["404"]);
    }
}

#[test]
fn documents_that_cannot_be_enforced_are_refused_with_the_reason() {
    let swagger = "is Swagger 2.0; convert it to OpenAPI 3, for example with `npx swagger2openapi FILE \
                   --outfile openapi.json`, and give that file\n";
    let roles = |line: usize, operation: &str, pointer: &str| {
        format!(
            "digitalocean.yaml:{line}: {operation} (#/paths/{pointer}/get/security/0/bearer_auth): OpenAPI 3.0 has \
             no roles: the list of `bearer_auth` must be empty; empty it or make the document 3.1\n"
        )
    };
    for (file, told) in [
        ("kubernetes.json", format!("kubernetes.json: {swagger}")),
        ("slack.json", format!("slack.json: {swagger}")),
        (
            "digitalocean.yaml",
            roles(12, "GET /v2/1-clicks", "~1v2~11-clicks")
                + &roles(20, "GET /v2/droplets", "~1v2~1droplets"),
        ),
    ] {
        assert_eq!(explain(file, "", &[]).failure().err, told);
    }
}
