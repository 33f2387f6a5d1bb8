//! The metrics of a process, as Prometheus reads them: what was counted, and what can be looked up at the moment.

use std::time::Duration;

use actix_web::{
    HttpResponse,
    http::{StatusCode, header},
};
use jiff::Timestamp;
use prometheus::{
    Counter, Gauge, IntCounter, IntGauge, IntGaugeVec, Opts, Registry, Result, TEXT_FORMAT,
    TextEncoder, proto::MetricFamily,
};

use crate::{
    authority::authority::Authority,
    server::{
        context::Context,
        counters::{counter_vec, operation_counters::OperationCounters},
        credentials::secret_verifier::SecretVerifier,
        http::refusal::Refusal,
        watch::LoadStatus,
    },
    store::shared::link::Following,
};

/// Keys that expire sooner are exposed even if they are not used.
const SOON: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The answer to a request for the metrics.
pub(crate) fn respond(context: &Context) -> HttpResponse {
    match text(context) {
        Ok(text) => HttpResponse::Ok()
            .insert_header((header::CONTENT_TYPE, format!("{TEXT_FORMAT}; charset=utf-8")))
            .body(text),
        Err(error) => {
            log::error!("the metrics cannot be exposed: {error}");
            HttpResponse::from_error(Refusal::internal(error.to_string()))
        }
    }
}

fn text(context: &Context) -> Result<String> {
    let tls = context.tls.as_ref().map(|tls| TlsFigures {
        loaded: tls.status().loaded().unwrap_or_default(),
        is_broken: tls.status().is_broken(),
        expires: tls.expiries().iter().map(|it| it.expires.as_second()).min(),
    });
    let following = context.redis.as_ref().map(|redis| redis.following());
    TextEncoder::new().encode_to_string(&gather(context, tls.as_ref(), following)?)
}

/// A metric as the reference describes it.
#[derive(Debug)]
pub(crate) struct MetricDescription {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) labels: Vec<String>,
    pub(crate) help: String,
}

/// Describes every metric. Only a metric with a value has labels to read, so counters that start without one get one:
/// the context must not be that of a service.
///
/// # Errors
/// Only by a mistake in the definition of a metric.
pub(crate) fn describe(context: &Context) -> Result<Vec<MetricDescription>> {
    context.counters.refused("");
    context.counters.verified(None, "", "");
    OperationCounters::for_unknown(&context.counters)?.record(StatusCode::OK, Duration::ZERO);
    context.policy_status.record(true, context.clock.now());
    let tls = TlsFigures { loaded: 0, is_broken: false, expires: Some(0) };
    let following = Following { answered: Some(0), ..Following::default() };
    let described = gather(context, Some(&tls), Some(following))?.into_iter().map(|family| {
        let labels = family.get_metric().first().map(|metric| metric.get_label());
        MetricDescription {
            name: family.name().to_owned(),
            kind: format!("{:?}", family.get_field_type()).to_ascii_lowercase(),
            labels: labels.iter().copied().flatten().map(|label| label.name().to_owned()).collect(),
            help: family.help().to_owned(),
        }
    });
    Ok(described.collect())
}

/// What is told of TLS; times in seconds since 1970.
struct TlsFigures {
    loaded: i64,
    is_broken: bool,
    expires: Option<i64>,
}

fn gather(
    context: &Context,
    tls: Option<&TlsFigures>,
    following: Option<Following>,
) -> Result<Vec<MetricFamily>> {
    let (authority, now) = (&context.authority, context.clock.now());
    let state = Registry::new();
    build(&state)?;
    roster(&state, authority, context.counters.started)?;
    policy(&state, &context.policy_status)?;
    signing_keys(&state, &context.keys_status)?;
    tls.map_or(Ok(()), |tls| certificates(&state, tls))?;
    let help = "1 while /health/ready says `degraded`, else 0.";
    gauge(&state, "hallpass_degraded", help, context.is_degraded().into())?;
    keys(&state, authority, now)?;
    caches(&state, authority)?;
    hashing(&state, &context.secrets)?;
    let revocations = authority.revocations().try_into().unwrap_or(i64::MAX);
    gauge(&state, "hallpass_revocations", "Revoked tokens that are kept.", revocations)?;
    kept_state(&state, context)?;
    following.map_or(Ok(()), |following| shared_state(&state, following))?;

    let mut families = context.counters.registry.gather();
    families.extend(state.gather());
    Ok(families)
}

fn build(state: &Registry) -> Result<()> {
    let help = "Always 1; the version is in the label.";
    let build = gauges("hallpass_build_info", help, &["version"])?;
    build.get_metric_with_label_values(&[env!("CARGO_PKG_VERSION")])?.set(1);
    state.register(Box::new(build))
}

fn roster(state: &Registry, authority: &Authority, started: Timestamp) -> Result<()> {
    let status = authority.roster_status();
    let generation = status.generation.try_into().unwrap_or(i64::MAX);
    let loaded = status.reloaded.unwrap_or(started).as_second();
    let broken = status.broken.is_some().into();
    let help = "Generation of the roster in use: 1 at the start, one more with every reload.";
    gauge(state, "hallpass_roster_generation", help, generation)?;
    let help = "When the roster in use was read, in seconds since 1970.";
    gauge(state, "hallpass_roster_loaded_timestamp_seconds", help, loaded)?;
    let help = "1 while the roster file is broken and an older roster is in use, else 0.";
    gauge(state, "hallpass_roster_broken", help, broken)
}

fn policy(state: &Registry, status: &LoadStatus) -> Result<()> {
    let help = "1 while the policy file is broken and an older policy is enforced, else 0.";
    gauge(state, "hallpass_policy_broken", help, status.is_broken().into())?;
    let help =
        "When the policy in use was read, in seconds since 1970; there with HALLPASS_POLICY only.";
    let loaded = status.loaded();
    loaded.map_or(Ok(()), |at| gauge(state, "hallpass_policy_loaded_timestamp_seconds", help, at))
}

fn signing_keys(state: &Registry, status: &LoadStatus) -> Result<()> {
    let help = "1 while the directory of signing keys is broken and older keys are in use, else 0.";
    gauge(state, "hallpass_signing_keys_broken", help, status.is_broken().into())
}

fn certificates(state: &Registry, tls: &TlsFigures) -> Result<()> {
    let help = "1 while the TLS files are broken and an older certificate is in use, else 0; there with TLS only.";
    gauge(state, "hallpass_tls_broken", help, tls.is_broken.into())?;
    let help = "When the certificate in use was read, in seconds since 1970; there with TLS only.";
    gauge(state, "hallpass_tls_loaded_timestamp_seconds", help, tls.loaded)?;
    let help = "When the certificate in use expires, or another of its chain that does sooner, in seconds since 1970; there with TLS only.";
    let name = "hallpass_tls_certificate_expiry_timestamp_seconds";
    tls.expires.map_or(Ok(()), |expires| gauge(state, name, help, expires))
}

fn kept_state(state: &Registry, context: &Context) -> Result<()> {
    let durability = context.authority.durability();
    let help = "1 while a restart and, where the state is shared, other replicas would find every revocation, else 0.";
    gauge(state, "hallpass_state_up", help, durability.fault.is_none().into())?;
    let help = "Since when hallpass_state_up has its value, in seconds since 1970.";
    let since = durability.since.unwrap_or(context.counters.started).as_second();
    gauge(state, "hallpass_state_since_timestamp_seconds", help, since)?;
    let help = "Entries of the shared state that were not understood, and skipped.";
    let unknown = IntCounter::new("hallpass_state_unknown_entries_total", help)?;
    unknown.inc_by(context.redis.as_ref().map_or(0, |redis| redis.unknown()));
    state.register(Box::new(unknown))
}

fn shared_state(state: &Registry, following: Following) -> Result<()> {
    let help = "1 while Redis is followed, else 0; there with a shared state only.";
    gauge(state, "hallpass_state_connected", help, following.is_connected.into())?;
    let help = "When Redis last answered whoever follows it, in seconds since 1970; there with a shared state only.";
    let name = "hallpass_state_last_success_timestamp_seconds";
    following.answered.map_or(Ok(()), |second| gauge(state, name, help, second))?;
    let help = "Time since everything was known that other replicas have revoked: up to a second while nothing is revoked; there with a shared state only.";
    let lag = Gauge::new("hallpass_state_lag_seconds", help)?;
    lag.set(following.lag.as_secs_f64());
    state.register(Box::new(lag))
}

/// Only API keys that were used or expire soon, so that a large roster does not become many series.
fn keys(state: &Registry, authority: &Authority, now: Timestamp) -> Result<()> {
    let labels = ["client", "key_id"];
    let help = "Requests that an API key of the roster authenticated.";
    let uses = counter_vec("hallpass_key_uses_total", help, &labels)?;
    let help = "When an API key of the roster expires, in seconds since 1970.";
    let ends = gauges("hallpass_key_expires_timestamp_seconds", help, &labels)?;
    let roster = authority.roster();
    let soon = now.saturating_add(SOON).unwrap_or(Timestamp::MAX);
    for client in roster.clients() {
        for key in &client.keys {
            let used = authority.key_usage(&key.id);
            let ends_soon = key.expires.is_some_and(|end| now < end && end <= soon);
            if used.is_none() && !ends_soon {
                continue;
            }
            let labels = [client.name.as_str(), key.id.as_str()];
            uses.get_metric_with_label_values(&labels)?.inc_by(used.map_or(0, |used| used.count));
            if let Some(end) = key.expires {
                ends.get_metric_with_label_values(&labels)?.set(end.as_second());
            }
        }
    }
    state.register(Box::new(uses))?;
    state.register(Box::new(ends))
}

fn caches(state: &Registry, authority: &Authority) -> Result<()> {
    let labels = ["cache"];
    let help = "Look-ups in a cache that found an entry.";
    let hits = counter_vec("hallpass_cache_hits_total", help, &labels)?;
    let help = "Look-ups in a cache that found none.";
    let misses = counter_vec("hallpass_cache_misses_total", help, &labels)?;
    let help = "Approximate memory of a cache.";
    let bytes = gauges("hallpass_cache_bytes", help, &labels)?;
    for (cache, usage) in [
        ("tokens", authority.token_cache()),
        ("backend_tokens", authority.backend_token_cache()),
        ("keys", authority.key_cache()),
        ("passwords", authority.password_cache()),
    ] {
        hits.get_metric_with_label_values(&[cache])?.inc_by(usage.hits);
        misses.get_metric_with_label_values(&[cache])?.inc_by(usage.misses);
        let used = usage.bytes.try_into().unwrap_or(i64::MAX);
        bytes.get_metric_with_label_values(&[cache])?.set(used);
    }
    state.register(Box::new(hits))?;
    state.register(Box::new(misses))?;
    state.register(Box::new(bytes))
}

fn hashing(state: &Registry, secrets: &SecretVerifier) -> Result<()> {
    let (pool, number) = (secrets.pool(), |number: usize| number.try_into().unwrap_or(i64::MAX));
    let help = "Secrets that are being hashed.";
    gauge(state, "hallpass_hashing_running", help, number(pool.running()))?;
    let help = "Secrets that wait to be hashed.";
    gauge(state, "hallpass_hashing_waiting", help, number(pool.waiting()))?;
    let help = "Secrets that had to be hashed: done, dropped because the caller hung up, overloaded because too many \
                waited, limited because the address or the user name had failed too often.";
    let outcomes = counter_vec("hallpass_hashing_total", help, &["outcome"])?;
    for (outcome, count) in [
        ("done", pool.done().0),
        ("dropped", pool.dropped()),
        ("overloaded", pool.refused()),
        ("limited", secrets.attempts().limited()),
    ] {
        outcomes.get_metric_with_label_values(&[outcome])?.inc_by(count);
    }
    state.register(Box::new(outcomes))?;
    let help = "Time that hashing took in total.";
    let seconds = Counter::new("hallpass_hashing_seconds_total", help)?;
    seconds.inc_by(pool.done().1.as_secs_f64());
    state.register(Box::new(seconds))
}

fn gauge(state: &Registry, name: &str, help: &str, value: i64) -> Result<()> {
    let gauge = IntGauge::new(name, help)?;
    gauge.set(value);
    state.register(Box::new(gauge))
}

fn gauges(name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec> {
    IntGaugeVec::new(Opts::new(name, help), labels)
}
