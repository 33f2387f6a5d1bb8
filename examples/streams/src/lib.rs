//! An application of requests and answers that last: a web socket, server-sent events, uploads and streamed bodies, with
//! middleware around and inside of the guard.

use std::{pin::pin, time::Duration};

use actix_multipart::Multipart;
use actix_web::{
    App, Error, HttpRequest, HttpResponse,
    body::MessageBody,
    dev::{ServiceFactory, ServiceRequest, ServiceResponse},
    error::InternalError,
    get,
    http::{
        StatusCode,
        header::{ContentEncoding, HeaderName, HeaderValue},
    },
    middleware::{Compress, Next, from_fn},
    post,
    rt::{spawn, time::sleep},
    web::{Bytes, Data, Path, Payload},
};
use actix_ws::Message;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use hallpass::{Authenticated, Diagnostics, Gate, Principal, Site};
use utoipa::OpenApi;

/// How long a web socket or a stream of events stays open. A request is judged once, at its start, so this is how long
/// somebody goes on who has logged out. Browsers open an `EventSource` again by themselves.
#[derive(Clone, Copy)]
pub struct OpenFor(pub Duration);

#[derive(OpenApi)] // title, version and description of Cargo.toml
struct Streams;

/// The site: one gate can have several.
///
/// # Errors
/// When the document cannot be enforced.
pub fn site(gate: &Gate, open_for: OpenFor) -> Result<Site, Diagnostics> {
    let site = gate.site(Streams::openapi()).operations(move |config| {
        config.app_data(Data::new(open_for));
        config.service(chat).service(events).service(upload).service(shout);
        let tenant = utoipa_actix_web::scope("/tenants/{tenant}").service(who_am_i);
        let inside = from_fn(|request, next| tell_principal("x-inside", request, next));
        config.service(utoipa_actix_web::scope("/v1").service(tenant).wrap(inside));
    });
    site.build()
}

/// What is wrapped last is outermost: this middleware, compression, the guard, the scope's middleware, the handler.
pub fn app(
    site: &Site,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody + use<>>,
        Error = Error,
        InitError = (),
    > + use<>,
> {
    App::new()
        .wrap(site.guard())
        .wrap(Compress::default())
        .wrap(from_fn(|request, next| tell_principal("x-outside", request, next)))
        .configure(|config| site.register(config))
}

/// Says in a header for whom the request is, as far as this middleware knows on the way in.
async fn tell_principal<B: MessageBody>(
    name: &'static str,
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let principal = request.extract::<Option<Principal>>().await?;
    let name_of = principal.as_ref().map_or("nobody", Principal::subject);
    let value = HeaderValue::from_str(name_of).unwrap_or(HeaderValue::from_static("?"));
    let mut response = next.call(request).await?;
    response.headers_mut().insert(HeaderName::from_static(name), value);
    Ok(response)
}

/// Chat over a web socket
///
/// With the session cookie, only pages of this site may open it.
#[utoipa::path(
    responses((status = 101, description = "A web socket.")),
    security(("bearer" = ["member"]), ("session" = ["member"]))
)]
#[get("/chat")]
async fn chat(
    principal: Principal,
    open_for: Data<OpenFor>,
    request: HttpRequest,
    body: Payload,
) -> Result<HttpResponse, Error> {
    let (response, mut session, messages) = actix_ws::handle(&request, body)?;
    spawn(async move {
        let mut messages = pin!(messages.take_until(sleep(open_for.0)));
        while let Some(Ok(message)) = messages.next().await {
            let sent = match message {
                Message::Text(text) => {
                    session.text(format!("{}: {text}", principal.subject())).await
                }
                Message::Ping(bytes) => session.pong(&bytes).await,
                _ => break,
            };
            if sent.is_err() {
                return;
            }
        }
        let _ = session.close(None).await;
    });
    Ok(response)
}

/// Follow what happens
#[utoipa::path(
    responses((status = 200, description = "Events.", body = String, content_type = "text/event-stream")),
    security(("bearer" = ["member"]), ("session" = ["member"]))
)]
#[get("/events")]
async fn events(principal: Principal, open_for: Data<OpenFor>) -> HttpResponse {
    let line = format!("data: a tick for {}\n\n", principal.subject());
    let ticks = stream::unfold(Bytes::from(line), async |line| {
        sleep(Duration::from_millis(50)).await;
        Some((Ok::<_, Error>(line.clone()), line))
    });
    HttpResponse::Ok()
        .content_type("text/event-stream")
        // Compression would keep events back until it has enough of them.
        .insert_header(ContentEncoding::Identity)
        .streaming(ticks.take_until(sleep(open_for.0)))
}

/// Upload files
#[utoipa::path(
    responses((status = 200, description = "Names and sizes.", body = String)),
    request_body(content = String, content_type = "multipart/form-data"),
    security(("bearer" = ["member"]))
)]
#[post("/files")]
async fn upload(mut form: Multipart) -> Result<String, Error> {
    let mut sizes = String::new();
    while let Some(mut field) = form.try_next().await? {
        let name = field.name().unwrap_or("?").to_owned();
        let mut size = 0;
        while let Some(part) = field.try_next().await? {
            size += part.len();
        }
        sizes += &format!("{name}: {size}\n");
    }
    Ok(sizes)
}

/// Send a text back in capitals, while it comes in
#[utoipa::path(
    responses((status = 200, description = "The text.", body = String, content_type = "text/plain")),
    request_body(content = String, content_type = "text/plain"),
    security(("bearer" = ["member"]))
)]
#[post("/shout")]
async fn shout(body: Payload) -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").streaming(in_capitals(body))
}

fn in_capitals(body: Payload) -> impl Stream<Item = Result<Bytes, Error>> {
    body.map_ok(|part| Bytes::from(part.to_ascii_uppercase()))
        .map_err(|error| InternalError::new(error, StatusCode::BAD_REQUEST).into())
}

/// Say who asks for which tenant
#[utoipa::path(
    responses((status = 200, description = "Who.", body = String)),
    params(("tenant" = String, Path)),
    security(("bearer" = []))
)]
#[get("/who")]
async fn who_am_i(authenticated: Authenticated, tenant: Path<String>) -> String {
    format!("{} at {tenant}", authenticated.principal.subject())
}
