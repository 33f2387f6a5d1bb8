//! What identifies a request in answers and in the log: its id, the address of its peer, and the trace of its caller.

use std::{
    future::{Ready, ready},
    net::IpAddr,
};

use actix_web::{
    FromRequest, HttpMessage, HttpRequest,
    dev::Payload,
    http::{
        Method,
        header::{HeaderName, HeaderValue},
    },
};
use ipnet::IpNet;
use log::kv::{Error, Key, Source, Value, VisitSource};
use rand::RngExt;

use crate::server::http::{
    peer::peer, refusal::Refusal, refusal_body::RefusalBody, trace_context::TraceContext,
};

/// The header that tells the caller the request id.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Names one request in its answer and in the log: 12 characters of base62.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestId([u8; 12]);

impl RequestId {
    fn generate() -> Self {
        let mut bytes = [0; 12];
        rand::rng().fill(&mut bytes);
        // Some characters are a little more frequent than others, which an id may be.
        Self(bytes.map(|byte| match byte % 62 {
            value @ 0..10 => b'0' + value,
            value @ 10..36 => b'A' + (value - 10),
            value => b'a' + (value - 36),
        }))
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    pub(crate) fn to_header(self) -> Option<HeaderValue> {
        HeaderValue::from_bytes(&self.0).ok()
    }
}

/// Made when a request arrives, and kept in its extensions. Handlers take it as an argument.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestInfo {
    pub(crate) id: RequestId,
    /// The address of the peer, behind trusted proxies what they say; none where the connection has no address.
    pub(crate) peer: Option<IpAddr>,
    /// What `traceparent` says; none without one.
    pub(crate) trace: Option<TraceContext>,
    /// The application's own body for the refusal of this request.
    pub(crate) refusals: Option<&'static RefusalBody>,
}

impl RequestInfo {
    /// Identifies a request that just arrived.
    pub(crate) fn attach(
        request: &HttpRequest,
        trusted_proxies: &[IpNet],
        refusals: Option<&'static RefusalBody>,
    ) -> Self {
        let info = Self {
            id: RequestId::generate(),
            peer: peer(request, trusted_proxies),
            trace: TraceContext::find(request.headers()),
            refusals,
        };
        request.extensions_mut().insert(info);
        info
    }

    /// What [`RequestInfo::attach`] left.
    pub(crate) fn find(request: &HttpRequest) -> Option<Self> {
        request.extensions().get::<Self>().copied()
    }
}

/// The fields that every line about a request ends with.
impl Source for RequestInfo {
    fn visit<'kvs>(&'kvs self, visitor: &mut dyn VisitSource<'kvs>) -> Result<(), Error> {
        let peer = self.peer.as_ref().map_or_else(Value::null, Value::from_display);
        visitor.visit_pair(Key::from_str("peer"), peer)?;
        visitor.visit_pair(Key::from_str("request_id"), Value::from(self.id.as_str()))?;
        if let Some(trace) = &self.trace {
            visitor.visit_pair(Key::from_str("trace_id"), Value::from(trace.trace_id()))?;
            visitor.visit_pair(Key::from_str("span_id"), Value::from(trace.span_id()))?;
        }
        Ok(())
    }
}

impl FromRequest for RequestInfo {
    type Error = Refusal;
    type Future = Ready<Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let missing = || {
            let what = "a route of hallpass lies outside of its guard: wrap `site.guard()` around what `site.register` registers";
            log::error!(deferred = true; "{what}");
            Refusal::internal(what.to_owned())
        };
        ready(Self::find(request).ok_or_else(missing))
    }
}

/// Method and path of the request that a proxy asks about: the log tells these. Kept in the extensions of the asking
/// request.
#[derive(Debug, Clone)]
pub(crate) struct ForwardedRequest {
    pub(crate) method: Method,
    pub(crate) path: String,
}
