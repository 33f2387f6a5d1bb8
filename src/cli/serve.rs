//! `hallpass serve`: binds, says where, serves until SIGTERM or ctrl-c.
//!
//! Must not know how requests are answered.

use std::{io, net::TcpListener, process::ExitCode};

use anyhow::Context;
use clap::Args;
use jiff::Timestamp;
use rand::distr::{Alphanumeric, SampleString};
use secrecy::SecretString;

use crate::{
    cli::{
        banner::Banner,
        logging,
        settings_flags::{BindFlag, RosterFlag},
    },
    config::raw_settings::RawSettings,
    diagnostics::Diagnostics,
    oauth::{Role, Scopes, Subject},
    roster::{
        roster::{LoadedRoster, Roster},
        secret_hash::DEFAULT_COST,
    },
    server::{
        gate::Gate,
        prepare::{Prepared, prepare, prepare_with_roster},
        serve::run::run,
    },
};

#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Try it out: signing key, roster (client `demo`) and state live in memory only
    #[arg(long)]
    dev: bool,
    #[command(flatten)]
    roster: RosterFlag,
    #[command(flatten)]
    bind: BindFlag,
}

impl Serve {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let unread = self.roster.roster.clone().filter(|_| self.dev);
        let raw = self.bind.apply(self.roster.apply(RawSettings::gather()));
        let (prepared, key) = if self.dev { dev(raw)? } else { (prepare(&raw)?, None) };
        logging::start(&prepared.settings.log, prepared.settings.log_format);
        prepared.warn();
        if let Some(roster) = unread {
            let roster = roster.display();
            log::warn!(
                "--roster {roster} is not read, since --dev keeps a roster in memory: leave out one of them"
            );
        }
        let bind = prepared.settings.bind;
        let listener = TcpListener::bind(bind).with_context(|| {
            format!("cannot listen on {bind}; take another address, as in --bind 127.0.0.1:0 for any free port")
        })?;
        let base_url = prepared.settings.base_url(listener.local_addr()?);
        let banner = Banner::of(&prepared.settings, &prepared.loaded.roster, key);
        let gate = Gate::open(prepared, &base_url)?;
        let announce = || banner.show(&base_url);
        actix_web::rt::System::new().block_on(async {
            let told_to_stop = told_to_stop()?;
            reload_on_hang_up(gate.clone());
            run(listener, gate, announce, told_to_stop).await
        })?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Settings for trying out: what is set stays, but key, roster and cookie need nothing.
fn dev(mut raw: RawSettings) -> anyhow::Result<(Prepared, Option<SecretString>)> {
    let secret = Alphanumeric.sample_string(&mut rand::rng(), 64);
    raw.set("HALLPASS_SECRET_KEY", &secret, "--dev");
    for forgotten in
        ["HALLPASS_SIGNING_KEY", "HALLPASS_PREVIOUS_SECRET_KEYS", "HALLPASS_PREVIOUS_SIGNING_KEYS"]
    {
        raw.set(forgotten, "", "--dev");
    }
    raw.set("HALLPASS_STATE", "memory", "--dev");
    if raw.text("HALLPASS_COOKIE_SECURE").is_none() {
        raw.set("HALLPASS_COOKIE_SECURE", "off", "--dev");
    }
    let roles = ["reader", "admin"].into_iter().map(Role::parse).collect::<Result<_, _>>()?;
    let client = Subject::parse("demo")?;
    let (cost, now) = (DEFAULT_COST, Timestamp::now());
    let (roster, key) =
        Roster::default().with_client(&client, roles, Scopes::default(), cost, now)?;
    let checked = LoadedRoster { roster, warnings: Diagnostics::default() };
    Ok((prepare_with_roster(&raw, Ok(checked))?, Some(key.expose())))
}

/// SIGHUP has the roster read again. It is listened for under --dev too, since it ends a process otherwise.
fn reload_on_hang_up(gate: Gate) {
    use actix_web::rt::signal::unix::{SignalKind, signal};
    match signal(SignalKind::hangup()) {
        Ok(mut hang_ups) => {
            actix_web::rt::spawn(async move {
                while hang_ups.recv().await.is_some() {
                    gate.reload();
                }
            });
        }
        Err(error) => log::error!("SIGHUP cannot be listened for: {error}"),
    }
}

/// Ready once the program is told to stop. Signals count from the call on and not from the first poll, so
/// that whoever has read where it listens can stop it.
fn told_to_stop() -> io::Result<impl Future<Output = ()>> {
    use actix_web::rt::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        log::info!("told to stop: finishing the requests in hand");
    })
}
