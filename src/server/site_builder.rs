//! From an application's document to a site.

use std::{any::type_name, fmt, sync::Arc};

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::{
    diagnostics::{Diagnostic, Diagnostics},
    policy::compile_options::WrittenIn,
    server::{
        document::{
            complete::refuse_others, draft::Draft, introduction, merge::merge, refusals::say_by,
        },
        enforce::caller::{CallerSource, FromPrincipal, leave_caller},
        forward::verify::is_asked,
        http::{problem::Problem, refusal_body::RefusalBody},
        routes::pages,
        site::{Operations, Site, SiteParts, collect, own_operations, own_paths, to_json},
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
}

impl SiteBuilder {
    pub(crate) fn new<D: Serialize>(parts: SiteParts, data: Operations, document: &D) -> Self {
        let written_in =
            if type_name::<D>().contains("utoipa") { WrittenIn::Rust } else { WrittenIn::Json };
        Self {
            parts,
            document: to_json(document),
            written_in,
            operations: None,
            caller: None,
            refusals: None,
            data,
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

    /// The site. Its document is completed with hallpass' own operations, security schemes and refusals, compiled and
    /// published here, so that whatever is wrong with it ends the program before it listens.
    ///
    /// # Errors
    /// Every operation whose `security` is missing or cannot be enforced, and every operation whose path hallpass
    /// serves itself; only `GET /` may be the application's own. Every two handlers of
    /// [`operations`](SiteBuilder::operations) of which one could answer requests that are judged as the other's.
    pub fn build(self) -> Result<Site, Diagnostics> {
        let Self { parts, document, written_in, operations, caller, refusals, data } = self;
        let settings = &parts.context.settings.document;
        let (mut document, mut ours) = (document?, own_operations(settings)?);
        refusals.iter().for_each(|own| say_by(own, &mut ours));
        if let Some(operations) = &operations {
            merge(&mut document, collect(|config| operations(config))?)?;
        }
        let mut pages = pages::paths(settings);
        let theirs = paths(&document);
        pages.retain(|page| {
            *page != pages::START || !theirs.contains(&operation("get", pages::START))
        });
        refuse_reserved(&theirs, &paths(&ours), &pages)?;
        refuse_others("schemas", &schemas(&document), &schemas(&ours))?;
        let own_paths = own_paths(&ours);
        merge(&mut document, ours)?;
        introduction::introduce(&mut document, &settings.base_path);
        let written_in = if operations.is_some() { WrittenIn::Rust } else { written_in };
        let denies = caller.is_some();
        let draft =
            Draft { document: document.into(), pages, own_paths, written_in, denies, refusals };
        let registering = move |config: &mut ServiceConfig<'_>| {
            data(config);
            operations.iter().for_each(|operations| operations(config));
        };
        Site::publish(parts, Arc::new(registering), draft, caller)
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

fn schemas(document: &Map<String, Value>) -> Map<String, Value> {
    let schemas = document.get("components").and_then(|components| components.get("schemas"));
    schemas.and_then(Value::as_object).cloned().unwrap_or_default()
}

fn operation(method: &str, path: &str) -> String {
    format!("{} {path}", method.to_ascii_uppercase())
}

/// The router would take hallpass' handlers, and the document would describe those of the application.
fn refuse_reserved(theirs: &[String], ours: &[String], pages: &[&str]) -> Result<(), Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    let pages: Vec<String> = pages.iter().map(|page| operation("get", page)).collect();
    let is_verify = |one: &str| one.split_once(' ').is_some_and(|(_, path)| is_asked(path));
    let is_ours = |one: &&String| ours.contains(one) || pages.contains(one) || is_verify(one);
    for operation in theirs.iter().filter(is_ours) {
        let what = "is hallpass' own: use another path for yours";
        diagnostics.push(Diagnostic::new(operation.clone(), what));
    }
    diagnostics.or(())
}
