//! Adds the roster's external issuers to the document: a scheme each, and an alternative wherever `bearer` alone is one.

use serde_json::{Map, Value, json};

use crate::{
    diagnostics::{Diagnostic, Diagnostics},
    roster::roster_entries::Issuer,
};

/// Adds an `openIdConnect` scheme for each issuer, and the alternative `corp: [admin]` after `bearer: [admin]`: OpenAPI
/// calls that a scope, and the roles of these tokens count as scopes.
///
/// # Errors
/// An issuer whose name is already that of another scheme.
pub(crate) fn add(document: &mut Value, issuers: &[Issuer]) -> Result<(), Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    let mut names = Vec::new();
    for issuer in issuers {
        let scheme = scheme(issuer);
        let Some(schemes) = schemes(document) else { continue };
        // A document that has a scheme for the issuer declares itself where its tokens are accepted.
        names.extend(Some(issuer.name.as_str()).filter(|name| !schemes.contains_key(*name)));
        let known = schemes.entry(issuer.name.as_str()).or_insert_with(|| scheme.clone());
        if ["type", "openIdConnectUrl"].iter().any(|field| known.get(field) != scheme.get(field)) {
            diagnostics.push(Diagnostic::new(
                format!("issuers.{}", issuer.name),
                "the document has another scheme of this name; rename the issuer in the roster",
            ));
        }
    }
    if has_bearer(document) {
        for security in securities(document) {
            add_alternatives(security, &names);
        }
    }
    diagnostics.or(())
}

fn scheme(issuer: &Issuer) -> Value {
    json!({
        "type": "openIdConnect",
        "openIdConnectUrl": issuer.url.discovery(),
        "description": format!(
            "A token of the OpenID provider at {}, a JWT (RFC 7519, RFC 8725). Its roles count as scopes.",
            issuer.url
        ),
    })
}

fn schemes(document: &mut Value) -> Option<&mut Map<String, Value>> {
    let components = document.as_object_mut()?.entry("components").or_insert_with(|| json!({}));
    let schemes = components.as_object_mut()?.entry("securitySchemes").or_insert_with(|| json!({}));
    schemes.as_object_mut()
}

/// An application may use the name `bearer` for something else.
fn has_bearer(document: &Value) -> bool {
    let scheme = document.pointer("/components/securitySchemes/bearer/scheme");
    scheme.and_then(Value::as_str).is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer"))
}

/// Every `security`: the root's and the operations', also those of path items that others refer to.
pub(crate) fn securities(document: &mut Value) -> Vec<&mut Vec<Value>> {
    document.as_object_mut().map(securities_in).unwrap_or_default()
}

/// As [`securities`].
pub(crate) fn securities_in(document: &mut Map<String, Value>) -> Vec<&mut Vec<Value>> {
    let mut found = Vec::new();
    for (name, value) in document {
        match (name.as_str(), value) {
            ("security", Value::Array(alternatives)) => found.push(alternatives),
            ("paths", Value::Object(paths)) => found.extend(securities_of(paths)),
            ("components", Value::Object(components)) => {
                let items = components.get_mut("pathItems").and_then(Value::as_object_mut);
                found.extend(items.into_iter().flat_map(securities_of));
            }
            _ => {}
        }
    }
    found
}

fn securities_of(items: &mut Map<String, Value>) -> impl Iterator<Item = &mut Vec<Value>> {
    let items = items.values_mut().filter_map(Value::as_object_mut);
    let operations = items.flat_map(Map::values_mut).filter_map(Value::as_object_mut);
    let security = operations.filter_map(|operation| operation.get_mut("security"));
    security.filter_map(Value::as_array_mut)
}

fn add_alternatives(alternatives: &mut Vec<Value>, names: &[&str]) {
    for alternative in std::mem::take(alternatives) {
        let demands = alternative.as_object().filter(|demands| demands.len() == 1);
        let list = demands.and_then(|demands| demands.get("bearer")).cloned();
        alternatives.push(alternative);
        if let Some(list) = list {
            alternatives.extend(names.iter().map(|name| json!({ *name: list })));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::own_document::own_document;
    use crate::{
        config::{document_settings::DocumentSettings, raw_settings::RawSettings},
        roster::roster::Roster,
    };

    fn issuers(names: &[&str]) -> Vec<Issuer> {
        let table = |name: &&str| {
            format!("[issuers.{name}]\nurl = \"https://{name}.test/\"\naudience = \"here\"\n")
        };
        let text: String = names.iter().map(table).collect();
        Roster::parse(&text, "roster").unwrap().roster.issuers().cloned().collect()
    }

    fn with_issuers(mut document: Value, names: &[&str]) -> Result<Value, Diagnostics> {
        add(&mut document, &issuers(names))?;
        Ok(document)
    }

    fn own() -> Value {
        let settings = DocumentSettings::resolve(&RawSettings::default());
        own_document(&settings.unwrap(), &[]).unwrap().0
    }

    #[test]
    fn every_issuer_is_a_scheme_and_an_alternative_after_bearer_alone() {
        let document = with_issuers(own(), &["corp", "other"]).unwrap();
        let corp = &document["components"]["securitySchemes"]["corp"];
        assert_eq!(corp["type"], "openIdConnect");
        assert_eq!(corp["openIdConnectUrl"], "https://corp.test/.well-known/openid-configuration");
        let expected = json!([
            { "bearer": ["admin"] },
            { "corp": ["admin"] },
            { "other": ["admin"] },
            { "session": ["admin"] },
        ]);
        assert_eq!(document["paths"]["/clients"]["get"]["security"], expected);
        assert_eq!(document["paths"]["/health/live"]["get"]["security"], json!([]));
    }

    #[test]
    fn bearer_together_with_another_scheme_stays_alone() {
        let mut document = own();
        document["security"] = json!([{ "bearer": [], "apiKey": [] }, {}, { "bearer": ["a"] }]);
        let document = with_issuers(document, &["corp"]).unwrap();
        let expected =
            json!([{ "bearer": [], "apiKey": [] }, {}, { "bearer": ["a"] }, { "corp": ["a"] }]);
        assert_eq!(document["security"], expected);
    }

    #[test]
    fn the_name_of_another_scheme_is_an_error_that_names_the_issuer() {
        let diagnostics = with_issuers(own(), &["session", "corp", "bearer"]).unwrap_err();
        let locations: Vec<&str> =
            diagnostics.iter().map(|diagnostic| diagnostic.location.as_str()).collect();
        assert_eq!(locations, ["issuers.bearer", "issuers.session"]);
    }

    #[test]
    fn a_document_that_has_a_scheme_for_the_issuer_is_left_as_it_is() {
        let mut document = with_issuers(own(), &["corp"]).unwrap();
        document["paths"]["/clients"]["get"]["security"] = json!([{ "bearer": ["admin"] }]);
        assert_eq!(with_issuers(document.clone(), &["corp"]).unwrap(), document);
    }

    #[test]
    fn without_issuers_the_document_stays_as_it_is() {
        assert_eq!(with_issuers(own(), &[]).unwrap(), own());
    }
}
