//! How `security` is read, as a small interpreter of documents: written from the table of the contract and not from
//! the code, which is compared with it. It is slow and simple, and knows values of `serde_json` only.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// A document and the settings that it is read with.
#[derive(Debug)]
pub(crate) struct Contract<'d> {
    document: &'d Value,
    /// What stands before every path.
    pub(crate) base: String,
    pub(crate) missing_is_public: bool,
    /// The operations by template and method, in lower case; concrete templates go before others.
    items: Vec<(&'d str, BTreeMap<&'d str, &'d Value>)>,
}

/// Who a good credential speaks for, and what it may do.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Holder {
    /// `openIdConnectUrl` of who issued it; all keys and secrets are `OURS`.
    pub(crate) issuer: &'static str,
    pub(crate) subject: &'static str,
    pub(crate) roles: Vec<&'static str>,
    pub(crate) scopes: Vec<&'static str>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Credential {
    Good(Holder),
    Bad,
    /// A cookie that came with another site's request.
    CrossSite,
}

/// The credentials of a request, by the place that holds them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sent {
    pub(crate) bearer: Option<Credential>,
    pub(crate) basic: Option<Credential>,
    /// By location and name.
    pub(crate) keys: Vec<(&'static str, &'static str, Credential)>,
}

const METHODS: &[&str] =
    &["get", "put", "post", "delete", "options", "head", "patch", "trace", "query"];

/// The issuer of our own tokens.
pub(crate) const OURS: &str = "https://hallpass.example/.well-known/openid-configuration";

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Verdict {
    /// The document has no such operation.
    Unknown,
    /// It passes; by the credentials of one of these holders, or without any if there is none.
    Allowed(Vec<Holder>),
    Forbidden,
    /// A credential is bad.
    Bad,
    /// A credential is missing.
    Missing,
}

/// An operation of the document.
#[derive(Debug)]
pub(crate) struct Documented<'d> {
    /// With the base path in front.
    pub(crate) template: String,
    /// In lower case. For HEAD it may be that of GET.
    pub(crate) method: &'d str,
    /// Its own `security`, else that of the root.
    pub(crate) security: Option<&'d Value>,
}

/// What became of one demand, the more specific refusal last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Refusal {
    Missing,
    Bad,
    Forbidden,
}

impl<'d> Contract<'d> {
    /// `base` beats the document's `servers`.
    pub(crate) fn new(document: &'d Value, base: Option<&str>, missing_is_public: bool) -> Self {
        let base = match base {
            Some(base) => base,
            None => {
                let url = document.pointer("/servers/0/url");
                let url = url.and_then(Value::as_str).unwrap_or_default();
                match url.split_once("://") {
                    Some((_, rest)) => rest.find('/').map_or("", |at| &rest[at..]),
                    None => url,
                }
            }
        };
        let base = base.trim_end_matches('/').to_owned();
        let mut contract = Self { document, base, missing_is_public, items: Vec::new() };
        let paths = document["paths"].as_object().unwrap();
        let items = paths.iter().map(|(template, item)| (template.as_str(), contract.item(item)));
        let mut items: Vec<_> = items.collect();
        items.sort_by_key(|(template, _)| rank(template));
        contract.items = items;
        contract
    }

    fn item(&self, item: &'d Value) -> BTreeMap<&'d str, &'d Value> {
        let members = self.follow(item).as_object().unwrap().iter();
        members
            .filter(|(method, _)| METHODS.contains(&method.as_str()))
            .map(|(method, operation)| (method.as_str(), operation))
            .collect()
    }

    /// Whether the document must be refused, for what the root or an operation demands.
    pub(crate) fn has_fault(&self) -> bool {
        let operations = self.items.iter().flat_map(|(_, item)| item.values().copied());
        let mut demanding = operations.chain([self.document]);
        demanding.any(|one| one.get("security").is_some_and(|security| self.is_faulty(security)))
    }

    fn is_faulty(&self, security: &Value) -> bool {
        let Some(alternatives) = security.as_array() else { return true };
        let is_v30 = self.document["openapi"].as_str().unwrap().starts_with("3.0");
        alternatives.iter().any(|alternative| {
            let Some(demands) = alternative.as_object() else { return true };
            demands.iter().any(|(name, words)| {
                let Some(words) = words.as_array() else { return true };
                let words: Vec<_> = words.iter().map(Value::as_str).collect();
                let Some(scheme) = self.scheme(name) else { return true };
                let are_usable = match scheme["type"].as_str().unwrap() {
                    "oauth2" => {
                        let scopes: Vec<&str> = scheme["flows"]
                            .as_object()
                            .unwrap()
                            .values()
                            .flat_map(|flow| flow["scopes"].as_object().unwrap().keys())
                            .map(String::as_str)
                            .collect();
                        words.iter().all(|word| word.is_some_and(|word| scopes.contains(&word)))
                    }
                    "openIdConnect" => words.iter().all(Option::is_some),
                    "apiKey" => words.iter().all(|word| word.is_some() && !is_v30),
                    "http" => {
                        let scheme = scheme["scheme"].as_str().unwrap().to_lowercase();
                        ["bearer", "basic"].contains(&scheme.as_str())
                            && words.iter().all(|word| word.is_some() && !is_v30)
                    }
                    _ => false,
                };
                !are_usable
            })
        })
    }

    /// The operation that takes a request.
    pub(crate) fn operation(&self, method: &str, path: &str) -> Option<Documented<'d>> {
        let rest = path.strip_prefix(&self.base)?;
        let (template, item) = self.items.iter().find(|(template, _)| matches(template, rest))?;
        let found = match method {
            "TRACE" => None,
            "HEAD" => item.get_key_value("head").or_else(|| item.get_key_value("get")),
            _ if method == method.to_uppercase() => item.get_key_value(&*method.to_lowercase()),
            _ => None,
        };
        let (method, operation) = found?;
        let security = operation.get("security").or(self.document.get("security"));
        Some(Documented { template: format!("{}{template}", self.base), method, security })
    }

    /// Whether a server that tries templates in another order could run an operation with another `security`: where
    /// one matches that is not less specific in every segment.
    pub(crate) fn is_crossed(&self, method: &str, path: &str) -> bool {
        let Some(rest) = path.strip_prefix(&self.base) else { return false };
        let mut matching = self.items.iter().filter(|(template, _)| matches(template, rest));
        let Some((first, item)) = matching.next() else { return false };
        let security = |item: &BTreeMap<&str, &'d Value>| {
            let get = item.get("get").filter(|_| method == "HEAD");
            let operation = item.get(method.to_lowercase().as_str()).or(get)?;
            let security = operation.get("security").or(self.document.get("security"));
            let security =
                security.filter(|it| !self.missing_is_public || **it != Value::Array(Vec::new()));
            Some(security)
        };
        let mut others = matching.filter(|(other, _)| {
            let ranks = rank(first).into_iter().zip(rank(other));
            !ranks.into_iter().all(|(first, other)| first <= other)
        });
        others.any(|(_, other)| security(other).is_some_and(|it| Some(it) != security(item)))
    }

    /// Whether the document has this operation, whatever the names of its parameters.
    pub(crate) fn has(&self, operation: &Documented<'_>) -> bool {
        let nameless = |template: &str| -> Vec<String> {
            template.split(['{', '}']).step_by(2).map(str::to_owned).collect()
        };
        self.items.iter().any(|(template, item)| {
            nameless(&format!("{}{template}", self.base)) == nameless(&operation.template)
                && item.contains_key(operation.method)
        })
    }

    pub(crate) fn judge(&self, method: &str, path: &str, sent: &Sent) -> Verdict {
        let Some(operation) = self.operation(method, path) else { return Verdict::Unknown };
        let Some(security) = operation.security else {
            return if self.missing_is_public {
                Verdict::Allowed(Vec::new())
            } else {
                Verdict::Forbidden
            };
        };
        let alternatives: Vec<&Map<String, Value>> =
            security.as_array().unwrap().iter().map(|one| one.as_object().unwrap()).collect();
        if alternatives.is_empty() {
            return Verdict::Allowed(Vec::new());
        }
        let judged = alternatives.iter().filter(|one| !one.is_empty());
        let judged: Vec<_> = judged.map(|one| self.alternative(one, sent)).collect();
        let met: Vec<_> = judged.iter().filter_map(|one| one.clone().ok()).collect();
        if !met.is_empty() {
            return Verdict::Allowed(met);
        }
        let refusal = if alternatives.iter().any(|one| one.is_empty()) {
            // Whoever lacks something may be nobody; only what must be refused wherever it is presented counts.
            let names = alternatives.iter().flat_map(|one| one.keys());
            let refused = names.filter_map(|name| match self.credential(name, sent)? {
                Credential::Good(_) => None,
                Credential::Bad => Some(Refusal::Bad),
                Credential::CrossSite => Some(Refusal::Forbidden),
            });
            refused.max()
        } else {
            judged.into_iter().filter_map(Result::err).max()
        };
        match refusal {
            None => Verdict::Allowed(Vec::new()),
            Some(Refusal::Forbidden) => Verdict::Forbidden,
            Some(Refusal::Bad) => Verdict::Bad,
            Some(Refusal::Missing) => Verdict::Missing,
        }
    }

    /// All proofs of an alternative must be there and must name the same subject.
    fn alternative(&self, demands: &Map<String, Value>, sent: &Sent) -> Result<Holder, Refusal> {
        let mut refusals = Vec::new();
        let mut holders: Vec<Holder> = Vec::new();
        for (name, words) in demands {
            match self.credential(name, sent) {
                None => refusals.push(Refusal::Missing),
                Some(Credential::Bad) => refusals.push(Refusal::Bad),
                Some(Credential::CrossSite) => refusals.push(Refusal::Forbidden),
                Some(Credential::Good(holder)) => {
                    let kind = self.scheme(name).unwrap()["type"].as_str().unwrap();
                    let has = match kind {
                        "oauth2" | "openIdConnect" => &holder.scopes,
                        _ => &holder.roles,
                    };
                    let mut words = words.as_array().unwrap().iter();
                    if !words.all(|word| has.contains(&word.as_str().unwrap())) {
                        refusals.push(Refusal::Forbidden);
                    }
                    holders.push(holder);
                }
            }
        }
        let name = |holder: &Holder| (holder.issuer, holder.subject);
        if holders.iter().any(|holder| name(holder) != name(&holders[0])) {
            refusals.push(Refusal::Forbidden);
        }
        match refusals.into_iter().max() {
            Some(refusal) => Err(refusal),
            None => Ok(holders.swap_remove(0)),
        }
    }

    /// What a request carries for a scheme.
    pub(crate) fn credential(&self, scheme: &str, sent: &Sent) -> Option<Credential> {
        let scheme = self.scheme(scheme).unwrap();
        let text = |field: &str| scheme[field].as_str().unwrap();
        match text("type") {
            "apiKey" => {
                let is_there = |(location, name, _): &&(&str, &str, Credential)| {
                    let is_named = match *location {
                        "header" => name.eq_ignore_ascii_case(text("name")),
                        _ => *name == text("name"),
                    };
                    *location == text("in") && is_named
                };
                sent.keys.iter().find(is_there).map(|(_, _, credential)| credential.clone())
            }
            "http" if text("scheme").eq_ignore_ascii_case("basic") => sent.basic.clone(),
            "openIdConnect" => match sent.bearer.clone() {
                Some(Credential::Good(holder)) if holder.issuer != text("openIdConnectUrl") => {
                    Some(Credential::Bad)
                }
                sent => sent,
            },
            _ => sent.bearer.clone(),
        }
    }

    /// The scheme of this name, without `$ref`.
    pub(crate) fn scheme(&self, name: &str) -> Option<&'d Value> {
        self.document.pointer("/components/securitySchemes")?.get(name).map(|one| self.follow(one))
    }

    fn follow(&self, value: &'d Value) -> &'d Value {
        match value.get("$ref").and_then(Value::as_str) {
            Some(reference) => {
                self.follow(self.document.pointer(reference.strip_prefix('#').unwrap()).unwrap())
            }
            None => value,
        }
    }
}

/// A template is compared by segments; `{x}` stands for one or more characters of one.
pub(crate) fn matches(template: &str, path: &str) -> bool {
    template.split('/').count() == path.split('/').count()
        && template.split('/').zip(path.split('/')).all(|(wanted, found)| {
            match wanted.split_once('{') {
                None => wanted == found,
                Some((before, rest)) => {
                    let (_, behind) = rest.split_once('}').unwrap();
                    let between = found.strip_prefix(before).and_then(|it| it.strip_suffix(behind));
                    between.is_some_and(|between| !between.is_empty())
                }
            }
        })
}

/// Concrete goes before templated, from the left.
fn rank(template: &str) -> Vec<usize> {
    let rank = |segment: &str| match segment.split_once('{') {
        None => 0,
        Some(_) if segment.starts_with('{') && segment.ends_with('}') => 2,
        Some(_) => 1,
    };
    template.split('/').map(rank).collect()
}
