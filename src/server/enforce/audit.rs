//! The audit log: what was done with credentials and tokens, one line an event.

use actix_web::http::Method;
use log::{
    Level, Record,
    kv::{Error, Key, Source, Value, VisitSource},
};

use crate::server::http::{
    code::Code, masked_path::masked, refusal::Refusal, request_info::RequestInfo,
};

/// The target of the audit lines.
const TARGET: &str = "audit";
/// The event of a refused request.
const REFUSED: &str = "refused";
/// The event of a request that passes only because nothing is enforced.
const WOULD_REFUSE: &str = "would-refuse";

/// The names and values of a line; an absent value is logged as such.
type Fields<'f> = &'f [(&'static str, Option<&'f str>)];

/// Logs that a token was issued or revoked; written before this returns.
pub(crate) fn record(event: &'static str, info: &RequestInfo, fields: Fields<'_>) {
    write(event, Some(info), fields, Level::Info);
}

/// As [`record`], of what the application did itself.
pub(crate) fn record_without_request(event: &'static str, fields: Fields<'_>) {
    write(event, None, fields, Level::Info);
}

/// Logs that a request was refused, and why: as an error where the fault is ours. Strangers can cause the other lines,
/// so their writing may be deferred.
pub(crate) fn refused(method: &Method, path: &str, info: &RequestInfo, refusal: &Refusal) {
    write_refusal(REFUSED, method, path, info, refusal);
}

/// As [`refused`], of a request that passes because nothing is enforced.
pub(crate) fn would_refuse(method: &Method, path: &str, info: &RequestInfo, refusal: &Refusal) {
    write_refusal(WOULD_REFUSE, method, path, info, refusal);
}

fn write_refusal(
    event: &'static str,
    method: &Method,
    path: &str,
    info: &RequestInfo,
    refusal: &Refusal,
) {
    let code = refusal.told_code();
    let path = masked(path);
    let fields = [
        ("method", Some(method.as_str())),
        ("path", Some(&path)),
        ("code", Some(code.as_str())),
        ("sub", refusal.subject.as_deref()),
        ("reason", refusal.reason.as_deref()),
        ("key_id", refusal.key_id.as_deref()),
    ];
    let level = if refusal.code == Code::InternalError { Level::Error } else { Level::Info };
    write(event, Some(info), &fields, level);
}

fn write(event: &'static str, info: Option<&RequestInfo>, fields: Fields<'_>, level: Level) {
    if !log::log_enabled!(target: TARGET, level) {
        return;
    }
    let is_deferred = [REFUSED, WOULD_REFUSE].contains(&event) && level > Level::Error;
    let values = KeyValues { fields, info, is_deferred };
    let mut record = Record::builder();
    record.level(level).target(TARGET).key_values(&values);
    log::logger().log(&record.args(format_args!("{event}")).build());
}

/// The fields of the event, then those that every line about a request has.
struct KeyValues<'f> {
    fields: Fields<'f>,
    info: Option<&'f RequestInfo>,
    is_deferred: bool,
}

impl Source for KeyValues<'_> {
    fn visit<'kvs>(&'kvs self, visitor: &mut dyn VisitSource<'kvs>) -> Result<(), Error> {
        for (name, value) in self.fields {
            visitor.visit_pair(Key::from_str(name), value.map_or_else(Value::null, Value::from))?;
        }
        if let Some(info) = self.info {
            info.visit(visitor)?;
        }
        if self.is_deferred {
            visitor.visit_pair(Key::from_str("deferred"), Value::from(true))?;
        }
        Ok(())
    }
}
