//! A scope whose operations share their `security`.

use actix_web::{
    Error, Route,
    body::MessageBody,
    dev::{
        AppService, HttpServiceFactory, ServiceFactory, ServiceRequest, ServiceResponse, Transform,
    },
};
use utoipa::openapi::{Paths, RefOr, Schema, SecurityRequirement};
use utoipa_actix_web::{OpenApiFactory, scope::Scope, service_config::ServiceConfig};

/// A scope of an application, made by [`scope`]: what [`SecuredScope::security`] demands is the `security` of every
/// operation in it that states none itself, in the document as in the enforcement.
pub struct SecuredScope<T> {
    scope: Scope<T>,
    security: Option<Vec<SecurityRequirement>>,
}

/// A scope below `path`, as `utoipa_actix_web::scope` makes it, which can state the `security` of its operations.
///
/// ```
/// use actix_web::{delete, get};
/// use hallpass::testing::TestGate;
/// use utoipa::openapi::{OpenApi, SecurityRequirement};
///
/// #[utoipa::path(responses((status = 200)))]
/// #[get("/users")]
/// async fn list_users() -> &'static str {
///     "nobody"
/// }
///
/// /// Public, in spite of the scope.
/// #[utoipa::path(responses((status = 200)), security())]
/// #[get("/help")]
/// async fn help() -> &'static str {
///     "users of this service"
/// }
///
/// let gate = TestGate::new();
/// let site = gate.protect(OpenApi::default(), |config| {
///     let admin = hallpass::scope("/admin")
///         .security(SecurityRequirement::new("bearer", ["admin"]))
///         .service(list_users)
///         .service(help);
///     config.service(admin);
/// });
/// let site = site.unwrap();
/// let paths = &site.document()["paths"];
/// assert_eq!(paths["/admin/users"]["get"]["security"][0]["bearer"][0], "admin");
/// ```
pub fn scope(
    path: &str,
) -> SecuredScope<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse,
        Error = Error,
        InitError = (),
    > + use<>,
> {
    SecuredScope { scope: utoipa_actix_web::scope(path), security: None }
}

impl<T> SecuredScope<T>
where
    T: ServiceFactory<ServiceRequest, Config = (), Error = Error, InitError = ()>,
{
    /// Adds an alternative, which is enough to pass. Schemes that are all needed stand in one requirement:
    /// `SecurityRequirement::new("bearer", ["admin"]).add("apiKey", NOTHING)`. The empty `SecurityRequirement::default()`
    /// lets anonymous requests pass.
    #[must_use]
    pub fn security(mut self, alternative: SecurityRequirement) -> Self {
        self.security.get_or_insert_default().push(alternative);
        self
    }

    /// Adds a handler with `#[utoipa::path]`, or a scope of such. What an inner scope states goes before what this one
    /// states.
    #[must_use]
    pub fn service(self, service: impl HttpServiceFactory + OpenApiFactory + 'static) -> Self {
        Self { scope: self.scope.service(service), ..self }
    }

    /// Adds what `register` registers.
    #[must_use]
    pub fn configure(self, register: impl FnOnce(&mut ServiceConfig<'_>)) -> Self {
        Self { scope: self.scope.configure(register), ..self }
    }

    /// Adds a route that is not in the document; requests for it are not found.
    #[must_use]
    pub fn route(self, path: &str, route: Route) -> Self {
        Self { scope: self.scope.route(path, route), ..self }
    }

    /// Adds state for the handlers of this scope.
    #[must_use]
    pub fn app_data<U: 'static>(self, data: U) -> Self {
        Self { scope: self.scope.app_data(data), ..self }
    }

    /// Wraps a middleware around the handlers; it runs after the enforcement.
    #[must_use]
    pub fn wrap<M, B>(
        self,
        middleware: M,
    ) -> SecuredScope<
        impl ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = ServiceResponse<B>,
            Error = Error,
            InitError = (),
        >,
    >
    where
        M: Transform<
                T::Service,
                ServiceRequest,
                Response = ServiceResponse<B>,
                Error = Error,
                InitError = (),
            > + 'static,
        B: MessageBody,
    {
        SecuredScope { scope: self.scope.wrap(middleware), security: self.security }
    }
}

impl<T, B> HttpServiceFactory for SecuredScope<T>
where
    T: ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = ServiceResponse<B>,
            Error = Error,
            InitError = (),
        > + 'static,
    B: MessageBody + 'static,
{
    fn register(self, config: &mut AppService) {
        self.scope.register(config);
    }
}

impl<T> OpenApiFactory for SecuredScope<T> {
    fn paths(&self) -> Paths {
        let mut paths = self.scope.paths();
        if let Some(security) = &self.security {
            let operations = paths.paths.values_mut().flat_map(|item| {
                [
                    &mut item.get,
                    &mut item.put,
                    &mut item.post,
                    &mut item.delete,
                    &mut item.options,
                    &mut item.head,
                    &mut item.patch,
                    &mut item.trace,
                    &mut item.query,
                ]
            });
            for operation in operations.flatten() {
                operation.security.get_or_insert_with(|| security.clone());
            }
        }
        paths
    }

    fn schemas(&self, schemas: &mut Vec<(String, RefOr<Schema>)>) {
        self.scope.schemas(schemas);
    }
}
