//! From an application's document to a site.

use std::{any::type_name, fmt, mem, sync::Arc};

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::{
    diagnostics::{Diagnostic, Diagnostics},
    policy::{base_path, compile_options::WrittenIn},
    server::{
        document::{
            draft::Draft,
            introduction,
            merge::{merge, rename_taken},
            refusals::say_by,
            upgrade::upgrade,
        },
        enforce::{
            caller::{CallerSource, FromPrincipal, leave_caller},
            site_rules::SiteRules,
        },
        http::{
            endpoints::START,
            own_routes::{Circumstances, OwnRoutes},
            problem::Problem,
            refusal_body::RefusalBody,
        },
        own_document::{collect, own_operations, to_json},
        site::{Operations, Site, SiteParts},
    },
};

/// Makes a [`Site`] of an application's document; begun by [`Gate::site`](crate::Gate::site).
#[must_use = "`build` makes the site"]
pub struct SiteBuilder {
    parts: SiteParts,
    document: Result<Map<String, Value>, Diagnostics>,
    written_in: WrittenIn,
    operations: Option<Operations>,
    caller: Option<CallerSource>,
    refusals: Option<&'static RefusalBody>,
    /// Registers what handlers are given by the gate.
    data: Operations,
    rules: SiteRules,
    own_routes: OwnRoutes,
    /// What stands before every path of the document; none where its `servers` say it.
    base: Option<String>,
    /// The scope in which hallpass' own routes and the operations are registered; none where it is the base.
    scope: Option<String>,
}

impl SiteBuilder {
    pub(crate) fn new<D: Serialize>(parts: SiteParts, data: Operations, document: &D) -> Self {
        let written_in =
            if type_name::<D>().contains("utoipa") { WrittenIn::Rust } else { WrittenIn::Json };
        let (document, rules) = (to_json(document), SiteRules::default());
        let own_routes = if parts.can_issue { OwnRoutes::at_root() } else { OwnRoutes::none() };
        Self {
            parts,
            document,
            written_in,
            operations: None,
            caller: None,
            refusals: None,
            data,
            rules,
            own_routes,
            base: None,
            scope: None,
        }
    }

    /// Handlers that carry `#[utoipa::path]`: they are added to the document, and registered by
    /// [`Site::app`] and [`Site::register`].
    ///
    /// `operations` is called several times while the site is made and once in every worker. What it passes to
    /// `app_data` reaches the handlers.
    pub fn operations(
        mut self,
        operations: impl Fn(&mut ServiceConfig<'_>) + Send + Sync + 'static,
    ) -> Self {
        self.operations = Some(Arc::new(operations));
        self
    }

    /// Makes a `T` of the principal of every request that has one, once the `security` of the operation is met and
    /// before its handler and its body: handlers take it as [`Caller<T>`](crate::Caller). The document tells that every
    /// protected operation may answer with 403.
    ///
    /// ```
    /// use actix_web::{HttpRequest, get, web};
    /// use hallpass::{Caller, FromPrincipal, Principal, Refusal, testing::TestGate};
    /// use utoipa::OpenApi;
    ///
    /// struct User {
    ///     name: String,
    /// }
    ///
    /// impl FromPrincipal for User {
    ///     async fn from_principal(principal: &Principal, request: &HttpRequest) -> Result<Self, Refusal> {
    ///         match principal.subject() {
    ///             "mallory" => Err(Refusal::denied("This account is closed.")),
    ///             name => Ok(Self { name: name.to_owned() }),
    ///         }
    ///     }
    /// }
    ///
    /// #[utoipa::path(responses((status = 200, body = String)), security(("bearer" = [])))]
    /// #[get("/me")]
    /// async fn me(user: Caller<User>) -> String {
    ///     user.name.clone()
    /// }
    ///
    /// #[derive(OpenApi)]
    /// #[openapi(paths(me))]
    /// struct Api;
    ///
    /// let site = TestGate::new().site(Api::openapi()).principal_as::<User>().build().unwrap();
    /// ```
    pub fn principal_as<T: FromPrincipal>(mut self) -> Self {
        self.caller = Some(leave_caller::<T>);
        self
    }

    /// Answers refusals with a `B` as `application/json`, in the place of [`Problem`]: those of the guard, of extractors, of
    /// hallpass' own operations, and 404 and 405. Status and headers stay, and so do the answers of the OAuth2 operations,
    /// whose shape RFC 6749 sets. The document shows the schema of `B`, and as examples what is really sent.
    ///
    /// If `B` panics or cannot be serialised, the answer is the [`Problem`], and the log says so.
    ///
    /// ```
    /// use hallpass::{Code, Problem, testing::TestGate};
    /// use serde::Serialize;
    /// use utoipa::{ToSchema, openapi::OpenApi};
    ///
    /// #[derive(Serialize, ToSchema)]
    /// struct ErrorBody {
    ///     error: Code,
    ///     message: String,
    /// }
    ///
    /// impl From<Problem> for ErrorBody {
    ///     fn from(problem: Problem) -> Self {
    ///         Self { error: problem.code, message: problem.detail }
    ///     }
    /// }
    ///
    /// let site = TestGate::new().site(OpenApi::default()).refusals::<ErrorBody>().build().unwrap();
    /// ```
    pub fn refusals<B: From<Problem> + Serialize + ToSchema>(mut self) -> Self {
        self.refusals = Some(RefusalBody::of::<B>());
        self
    }

    /// Which of hallpass' own routes the site has, and where: all of them at the root, where this is not called.
    pub fn own_routes(mut self, routes: OwnRoutes) -> Self {
        self.own_routes = routes;
        self
    }

    /// What precedes the paths of the document in requests. It is taken from the document's `servers` where this is not
    /// called: `/api` for `https://example.com/api`. A site whose document has a base is registered in a scope of it:
    /// `web::scope("/api").configure(|config| site.register(config))`, as [`Site::app`] does.
    ///
    /// It is `""` where a proxy takes that part away.
    pub fn base(mut self, path: &str) -> Self {
        self.base = Some(path.trim_end_matches('/').to_owned());
        self
    }

    /// The path of the scope in which [`Site::register`] is called, where the paths of the document begin with it: then
    /// hallpass' own routes and the [operations](SiteBuilder::operations) are documented below it.
    pub fn in_scope(mut self, path: &str) -> Self {
        self.scope = Some(path.trim_end_matches('/').to_owned());
        self
    }

    /// Makes what the application serves at this pattern of its router public, without being in the document: static
    /// files, the pages of an SPA, another documentation page. `pattern` is written as it was registered, with the
    /// prefixes of the scopes around it: `/static` for `Files::new("/static", ..)`, `/swagger-ui/{_:.*}`, `/{tail:.*}`.
    ///
    /// A `GET` or `HEAD` passes if the document has nothing at its path and the router leads it to just this pattern. So
    /// an operation of the document is enforced also where the pattern matches its path, and a handler that is registered
    /// at another pattern does not become public by accident. A path that differs from that of an operation in slashes
    /// only stays closed, since a middleware inside of the guard could normalise it.
    pub fn public(mut self, pattern: &str) -> Self {
        self.rules.public.add(pattern);
        self
    }

    /// Makes the `default_service` of the application public: as [`SiteBuilder::public`], for paths to which the router has
    /// no pattern at all. That of a scope stays closed.
    pub fn public_fallback(mut self) -> Self {
        self.rules.public.has_fallback = true;
        self
    }

    /// Refuses nothing: what would be refused passes, as a request of nobody, and is logged with the event
    /// `would-refuse` in the audit log, so that an application can be moved over step by step. `/health/ready` answers
    /// `degraded` meanwhile. hallpass' own operations are enforced all the same.
    pub fn report_only(mut self) -> Self {
        self.rules.reports_only = true;
        self
    }

    /// The site. Its document is completed with hallpass' own operations, security schemes and refusals, compiled and
    /// published here, so that whatever is wrong with it ends the program before it listens.
    ///
    /// # Errors
    /// Every operation whose `security` is missing or cannot be enforced, and every operation whose path hallpass
    /// serves itself; only `GET /` may be the application's own. Every two handlers of
    /// [`operations`](SiteBuilder::operations) of which one could answer requests that are judged as the other's.
    pub fn build(self) -> Result<Site, Diagnostics> {
        let Self {
            parts,
            document,
            written_in,
            operations,
            caller,
            refusals,
            data,
            mut rules,
            own_routes,
            ..
        } = self;
        let mut document = document?;
        upgrade(&mut document);
        let base = match self.base {
            Some(base) => base,
            None => base_path::of_servers(&Value::Object(document.clone()))?,
        };
        let scope = self.scope.as_ref().unwrap_or(&base);
        let scope = scope.strip_prefix(base.as_str()).ok_or_else(|| {
            let what = format!("is not below `{base}`, which precedes the paths of the document");
            Diagnostic::new(format!("the scope `{scope}`"), what)
        })?;
        if let Some(operations) = &operations {
            merge(&mut document, below(scope, collect(|config| operations(config))?))?;
        }
        let settings = &parts.context.settings.document;
        let theirs = paths(&document);
        let has_start = theirs.contains(&operation("get", START)) || rules.public.may_have_start();
        rules.own = own_routes.resolve(&Circumstances {
            base: &base,
            scope,
            has_docs: settings.docs,
            has_start,
            can_issue: parts.can_issue,
        })?;
        rules.base_path = settings.base_path.clone();
        let mut ours = own_operations(settings, &rules.own)?;
        rules.own_operations = paths(&ours);
        rules.own_operations.extend(rules.own.pages().map(|page| operation("get", &page)));
        refuse_reserved(&theirs, &rules)?;
        refusals.iter().for_each(|own| say_by(own, &mut ours));
        rename_taken(&mut ours, &document);
        merge(&mut document, ours)?;
        let common_path = rules.own.common_path(&settings.base_path);
        introduction::introduce(&mut document, common_path);
        let written_in = if operations.is_some() { WrittenIn::Rust } else { written_in };
        let (own, denies) = (rules.own.clone(), caller.is_some());
        let document = document.into();
        let draft = Draft { document, own, written_in, denies, refusals };
        let registering = move |config: &mut ServiceConfig<'_>| {
            data(config);
            operations.iter().for_each(|operations| operations(config));
        };
        Site::publish(parts, Arc::new(registering), draft, caller, rules)
    }
}

impl fmt::Debug for SiteBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SiteBuilder").finish_non_exhaustive()
    }
}

/// `GET /path` for every operation of a document.
fn paths(document: &Map<String, Value>) -> Vec<String> {
    let items = document.get("paths").and_then(Value::as_object).into_iter().flatten();
    let operations = items.flat_map(|(path, item)| {
        item.as_object().into_iter().flat_map(Map::keys).map(move |method| operation(method, path))
    });
    operations.collect()
}

fn operation(method: &str, path: &str) -> String {
    format!("{} {path}", method.to_ascii_uppercase())
}

/// The router would take hallpass' handlers, and the document would describe those of the application.
fn refuse_reserved(theirs: &[String], rules: &SiteRules) -> Result<(), Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    let is_verify = |one: &str| {
        let path = one.split_once(' ').map_or("", |(_, path)| path);
        rules.own.is_asked(&format!("{}{path}", rules.own.base()))
    };
    let is_ours = |one: &&String| rules.own_operations.contains(one) || is_verify(one);
    for operation in theirs.iter().filter(is_ours) {
        let what = "is hallpass' own: use another path for yours, or leave ours out with `.own_routes(..)`";
        diagnostics.push(Diagnostic::new(operation.clone(), what));
    }
    diagnostics.or(())
}

/// A document whose paths begin with those of a scope.
fn below(scope: &str, mut document: Map<String, Value>) -> Map<String, Value> {
    if let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut) {
        let items = mem::take(paths).into_iter();
        paths.extend(items.map(|(path, item)| (format!("{scope}{path}"), item)));
    }
    document
}
