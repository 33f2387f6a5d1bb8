//! `hallpass health`: asks the running service how it is, for health checks where there is no HTTP client.

use std::{io::Write, process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use clap::Args;
use serde::Deserialize;
use ureq::{Agent, tls::TlsConfig};

use crate::{
    cli::settings_flags::BindFlag,
    config::{raw_settings::RawSettings, settings::Settings},
    tokens::external::fetch::system_roots,
};

/// How long the service may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Larger answers are not read, in bytes.
const LARGEST: u64 = 1024;

#[derive(Debug, Args)]
pub(super) struct HealthCheck {
    /// URL of the service, instead of the address and TLS of the settings
    #[arg(long, conflicts_with = "bind")]
    url: Option<String>,
    #[command(flatten)]
    bind: BindFlag,
    /// Ask whether the process answers, also while it stops
    #[arg(long)]
    live: bool,
}

impl HealthCheck {
    /// Exit code 1 if there is no answer, or another one than 200.
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let base = match &self.url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => Settings::local_base_url(&self.bind.apply(RawSettings::from_env()?))?,
        };
        let url = format!("{base}/health/{}", if self.live { "live" } else { "ready" });
        let mut answer = agent(self.url.is_none())
            .get(&url)
            .call()
            .with_context(|| format!("{url} cannot be reached"))?;
        let code = answer.status();
        if code != 200 {
            bail!("{url} answers {code}");
        }
        let body = answer.body_mut().with_config().limit(LARGEST).read_to_vec();
        let body = body.with_context(|| format!("{url} cannot be read"))?;
        let Ok(Answer { status }) = serde_json::from_slice(&body) else {
            bail!("{url} does not answer as hallpass does: is something else listening there?");
        };
        writeln!(std::io::stdout().lock(), "{url}: {}", status.escape_debug())?;
        Ok(ExitCode::SUCCESS)
    }
}

/// What `/health/ready` and `/health/live` answer.
#[derive(Deserialize)]
struct Answer {
    status: String,
}

/// The certificate of the service on this machine is for its public name, and is not checked, as by Kubernetes' probes:
/// nothing secret is sent. That of a URL is.
fn agent(is_local: bool) -> Agent {
    let config = Agent::config_builder()
        .max_redirects(0)
        .http_status_as_error(false)
        .timeout_global(Some(TIMEOUT))
        .user_agent("hallpass");
    let tls = if is_local {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = TlsConfig::builder().unversioned_rustls_crypto_provider(provider);
        tls.disable_verification(true).build()
    } else {
        system_roots()
    };
    let config = config.tls_config(tls);
    let config = if is_local { config.proxy(None) } else { config };
    config.build().new_agent()
}
