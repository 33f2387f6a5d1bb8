//! Which of its own routes hallpass serves in a site, and where.

use crate::{
    diagnostics::{Diagnostic, Diagnostics},
    server::http::{
        endpoints::{
            DOCUMENT, DOCUMENT_YAML, INTROSPECTION, JWKS, LOGIN, LOGOUT, OAUTH_METADATA,
            OPENID_CONFIGURATION, OPERATIONS, PAGES, REVOCATION, START, SWAGGER_UI, TOKEN, VERIFY,
        },
        refusal::Shape,
    },
};

/// Those that make, revoke and describe tokens: they are of no use without a signing key.
const ISSUING: [&str; 8] =
    [LOGIN, LOGOUT, TOKEN, INTROSPECTION, REVOCATION, OAUTH_METADATA, OPENID_CONFIGURATION, JWKS];

/// Which of hallpass' own routes a site has, and where; for
/// [`SiteBuilder::own_routes`](crate::SiteBuilder::own_routes). `docs/library.md` lists them.
///
/// ```
/// use hallpass::OwnRoutes;
///
/// // `/auth/token`, `/auth/openapi.json`, ..., and `/login` stays the application's.
/// let ours = OwnRoutes::under("/auth").without("/login");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnRoutes {
    prefix: String,
    selected: Vec<&'static str>,
    /// Names of routes that there are not.
    unknown: Vec<String>,
}

impl OwnRoutes {
    /// All of them, at the root of the application: `/login`, `/token`, `/docs/`, ...
    pub fn at_root() -> Self {
        Self::under("")
    }

    /// All of them below `prefix`, such as `/auth`: `/auth/login`, `/auth/token`, `/auth/docs/`, ...
    pub fn under(prefix: &str) -> Self {
        let selected = OPERATIONS.iter().chain(&PAGES).copied().collect();
        Self { prefix: prefix.trim_end_matches('/').to_owned(), selected, unknown: Vec::new() }
    }

    /// None of them: neither a login nor a document.
    pub fn none() -> Self {
        Self { selected: Vec::new(), ..Self::at_root() }
    }

    /// Leaves out a route; `path` is written without the prefix, such as `/login`. `/docs/` is Swagger UI with its files,
    /// and `/openapi.json` the document with everything that shows it.
    pub fn without(mut self, path: &str) -> Self {
        let left_out: Vec<&str> = match path {
            DOCUMENT => PAGES.to_vec(),
            path if SWAGGER_UI.contains(&path) => SWAGGER_UI.to_vec(),
            path => vec![path],
        };
        if !OPERATIONS.iter().chain(&PAGES).any(|known| *known == path) {
            self.unknown.push(path.to_owned());
        }
        self.selected.retain(|endpoint| !left_out.contains(endpoint));
        self
    }

    /// Leaves out everything but the document, as JSON and YAML, and Swagger UI.
    pub fn only_document(mut self) -> Self {
        self.selected.retain(|endpoint| PAGES.contains(endpoint));
        self
    }

    /// # Errors
    /// A prefix that is no path, and every name that is not one of a route.
    pub(crate) fn resolve(
        self,
        circumstances: &Circumstances<'_>,
    ) -> Result<OwnPaths, Diagnostics> {
        let Self { prefix, mut selected, unknown } = self;
        let mut diagnostics = Diagnostics::default();
        let is_path = prefix.is_empty()
            || prefix.starts_with('/')
                && !prefix.contains(['{', '}', '?', '#', '%', ' '])
                && !prefix.contains("//");
        if !is_path {
            let what = "is no prefix of hallpass' own routes; write one like `/auth`";
            diagnostics.push(Diagnostic::new(format!("`{prefix}`"), what));
        }
        for name in unknown {
            let what =
                format!("is not one of hallpass' own routes, which are {}", OPERATIONS.join(", "));
            diagnostics.push(Diagnostic::new(
                format!("`{name}`"),
                format!("{what}, {DOCUMENT}, {DOCUMENT_YAML}, {START} and /docs/"),
            ));
        }
        let Circumstances { base, scope, has_docs, has_start, can_issue } = *circumstances;
        selected.retain(|endpoint| {
            (has_docs || !SWAGGER_UI.contains(endpoint))
                && (can_issue || !ISSUING.contains(endpoint))
                && (!has_start || *endpoint != START || !prefix.is_empty() || !scope.is_empty())
        });
        let mut paths = OwnPaths {
            served: selected,
            prefix,
            scope: scope.to_owned(),
            base: base.to_owned(),
            verify: None,
        };
        paths.verify = paths.full(VERIFY);
        diagnostics.or(paths)
    }
}

impl Default for OwnRoutes {
    fn default() -> Self {
        Self::at_root()
    }
}

/// What a site decides about hallpass' own routes in other ways.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Circumstances<'c> {
    /// What stands before every path of the document.
    pub(crate) base: &'c str,
    /// What stands between that and everything that hallpass registers.
    pub(crate) scope: &'c str,
    /// Whether Swagger UI is wanted.
    pub(crate) has_docs: bool,
    /// Whether the start page may be the application's.
    pub(crate) has_start: bool,
    /// Whether there is a signing key.
    pub(crate) can_issue: bool,
}

/// hallpass' own routes of a site: where each is.
#[derive(Debug, Clone)]
pub(crate) struct OwnPaths {
    served: Vec<&'static str>,
    prefix: String,
    scope: String,
    base: String,
    verify: Option<String>,
}

impl OwnPaths {
    /// All of them at the root, with Swagger UI or without.
    pub(crate) fn at_root(has_docs: bool) -> Self {
        let served = OPERATIONS.iter().chain(&PAGES).copied();
        Self {
            served: served.filter(|one| has_docs || !SWAGGER_UI.contains(one)).collect(),
            prefix: String::new(),
            scope: String::new(),
            base: String::new(),
            verify: Some(VERIFY.to_owned()),
        }
    }

    pub(crate) fn has(&self, endpoint: &'static str) -> bool {
        self.served.contains(&endpoint)
    }

    /// Where it is registered, in the scope that everything of hallpass is registered in.
    pub(crate) fn registered(&self, endpoint: &'static str) -> Option<String> {
        self.has(endpoint).then(|| format!("{}{endpoint}", self.prefix))
    }

    /// Where the document has it.
    pub(crate) fn documented(&self, endpoint: &'static str) -> Option<String> {
        self.has(endpoint).then(|| format!("{}{}{endpoint}", self.scope, self.prefix))
    }

    /// Where requests for it go.
    pub(crate) fn full(&self, endpoint: &'static str) -> Option<String> {
        self.has(endpoint).then(|| format!("{}{}{}{endpoint}", self.base, self.scope, self.prefix))
    }

    /// The URL of it, where `issuer` is that of the application, or ends with the base path or with everything before
    /// the route.
    pub(crate) fn url(&self, issuer: &str, endpoint: &'static str) -> Option<String> {
        let full = self.full(endpoint)?;
        let issuer = issuer.trim_end_matches('/');
        let before = full.strip_suffix(endpoint).unwrap_or_default();
        let has = [before, &self.base]
            .into_iter()
            .find(|part| !part.is_empty() && issuer.ends_with(part));
        let rest = full.strip_prefix(has.unwrap_or_default()).unwrap_or(&full);
        Some(format!("{issuer}{rest}"))
    }

    /// The path that all operations are below, where `issuer` is that of the issuer: what is before hallpass' own routes
    /// only is no such.
    pub(crate) fn common_path<'p>(&'p self, issuer: &'p str) -> &'p str {
        let own = format!("{}{}", self.scope, self.prefix);
        if !own.is_empty() && format!("{}{own}", self.base) == issuer { &self.base } else { issuer }
    }

    /// The pages beside the operations of the document.
    pub(crate) fn pages(&self) -> impl Iterator<Item = String> {
        PAGES.iter().filter_map(|page| self.documented(page))
    }

    /// What stands before every path of the document.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// The scope that everything of hallpass is registered in.
    pub(crate) fn mount(&self) -> String {
        format!("{}{}", self.base, self.scope)
    }

    /// How to get from the prefix back to the root of the document, as a relative URL.
    pub(crate) fn way_to_root(&self) -> String {
        let depth = format!("{}{}", self.scope, self.prefix).matches('/').count();
        if depth == 0 { ".".to_owned() } else { vec![".."; depth].join("/") }
    }

    /// Where proxies ask, if they may.
    pub(crate) fn verify(&self) -> Option<&str> {
        self.verify.as_deref()
    }

    /// Whether a request for this path is a proxy's question.
    pub(crate) fn is_asked(&self, path: &str) -> bool {
        let rest = self.verify.as_ref().and_then(|verify| path.strip_prefix(verify.as_str()));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// The route that a path leads to.
    pub(crate) fn endpoint(&self, path: &str) -> Option<&'static str> {
        let path = path.strip_prefix(self.base.as_str())?.strip_prefix(self.scope.as_str())?;
        let path = path.strip_prefix(self.prefix.as_str())?;
        self.served.iter().find(|served| **served == path).copied()
    }

    /// The shape of refusals at a path: OAuth2 endpoints have one of their own (RFC 6749 §5.2).
    pub(crate) fn shape(&self, path: &str) -> Shape {
        match self.endpoint(path) {
            Some(TOKEN | INTROSPECTION | REVOCATION) => Shape::OAuth,
            _ => Shape::Problem,
        }
    }
}

impl Default for OwnPaths {
    fn default() -> Self {
        Self::at_root(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::http::endpoints::{DOCS, JWKS};

    fn resolved(routes: OwnRoutes, base: &str, scope: &str) -> OwnPaths {
        let circumstances =
            Circumstances { base, scope, has_docs: true, has_start: false, can_issue: true };
        routes.resolve(&circumstances).unwrap()
    }

    #[test]
    fn only_verify_and_what_is_below_it_is_asked() {
        for (prefix, path, asked) in [
            ("", "/verify", true),
            ("", "/verify/", true),
            ("", "/verify/a", true),
            ("", "/verifya", false),
            ("", "/verify%2fa", false),
            ("", "/Verify", false),
            ("", "/a/verify", false),
            ("/auth", "/verify", false),
            ("/auth", "/auth/verify", true),
            ("/auth", "/auth/verify/a", true),
        ] {
            assert_eq!(resolved(OwnRoutes::under(prefix), "", "").is_asked(path), asked, "{path}");
        }
        let without = resolved(OwnRoutes::at_root().without(VERIFY), "", "");
        assert!(!without.is_asked("/verify"));
    }

    #[test]
    fn a_route_is_below_base_scope_and_prefix() {
        let own = resolved(OwnRoutes::under("/auth"), "/v1", "/api");
        assert_eq!(own.registered(TOKEN).as_deref(), Some("/auth/token"));
        assert_eq!(own.documented(TOKEN).as_deref(), Some("/api/auth/token"));
        assert_eq!(own.full(TOKEN).as_deref(), Some("/v1/api/auth/token"));
        assert_eq!(own.endpoint("/v1/api/auth/token"), Some(TOKEN));
        for other in ["/token", "/v1/api/token", "/v1/api/auth/token/", "/v1/api/auth/tokens"] {
            assert_eq!((own.endpoint(other), own.shape(other)), (None, Shape::Problem), "{other}");
        }
        assert_eq!(own.way_to_root(), "../..");
    }

    #[test]
    fn a_url_has_what_the_issuer_has_only_once() {
        for (prefix, base, issuer, url) in [
            ("", "", "https://a.test", "https://a.test/token"),
            ("", "", "https://a.test/", "https://a.test/token"),
            ("", "", "https://a.test/x", "https://a.test/x/token"),
            ("/auth", "", "https://a.test", "https://a.test/auth/token"),
            ("/auth", "", "https://a.test/auth", "https://a.test/auth/token"),
            ("/auth", "/v1", "https://a.test/v1", "https://a.test/v1/auth/token"),
            ("/auth", "/v1", "https://a.test/v1/auth", "https://a.test/v1/auth/token"),
            ("/auth", "/v1", "https://a.test/x", "https://a.test/x/v1/auth/token"),
        ] {
            let own = resolved(OwnRoutes::under(prefix), base, "");
            assert_eq!(own.url(issuer, TOKEN).as_deref(), Some(url), "{prefix} {base} {issuer}");
        }
    }

    #[test]
    fn routes_are_left_out_by_name_and_with_what_needs_them() {
        let own = resolved(OwnRoutes::at_root().without("/docs/").without("/login"), "", "");
        let has = [LOGIN, DOCS, "/docs/{name}", DOCUMENT, JWKS].map(|endpoint| own.has(endpoint));
        assert_eq!(has, [false, false, false, true, true]);
        assert_eq!(resolved(OwnRoutes::at_root().without(DOCUMENT), "", "").pages().count(), 0);
        let document = resolved(OwnRoutes::under("/auth").only_document(), "", "");
        assert!(document.has(DOCUMENT) && document.has(DOCS) && !document.has(VERIFY));
        assert_eq!(resolved(OwnRoutes::none(), "", "").pages().count(), 0);
    }

    #[test]
    fn a_prefix_that_is_no_path_and_routes_that_there_are_not_are_told() {
        let circumstances = Circumstances {
            base: "",
            scope: "",
            has_docs: true,
            has_start: false,
            can_issue: true,
        };
        let faults = |routes: OwnRoutes| routes.resolve(&circumstances).unwrap_err().to_string();
        for prefix in ["auth", "/a{b}", "/a?b", "//a", "/a b"] {
            let faults = faults(OwnRoutes::under(prefix));
            assert!(faults.contains("is no prefix of hallpass' own routes"), "{prefix}: {faults}");
        }
        let faults = faults(OwnRoutes::at_root().without("/logn"));
        assert!(faults.starts_with("`/logn`: is not one of hallpass' own routes"), "{faults}");
    }
}
