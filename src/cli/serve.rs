//! `hallpass serve`: listens, prints the address, serves until SIGTERM or ctrl-c.

mod handed_over;
mod service_manager;

use std::{
    io,
    net::{SocketAddr, TcpListener},
    process::ExitCode,
};

use anyhow::Context;
use clap::Args;
use jiff::Timestamp;
use rand::distr::{Alphanumeric, SampleString};
use secrecy::SecretString;

use crate::{
    cli::{
        banner::Banner,
        logging,
        serve::service_manager::ServiceManager,
        settings_flags::{BindFlag, RosterFlag},
    },
    config::{log_format::LogFormat, raw_settings::RawSettings, settings::Settings},
    diagnostics::Diagnostics,
    oauth::{Role, Scopes, Subject},
    roster::{
        roster::{LoadedRoster, Roster},
        secret_hash::DEFAULT_COST,
    },
    server::{
        gate::Gate,
        prepare::{Prepared, prepare, prepare_with_roster},
        serve::run::{Listener, run},
    },
};

#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Try it without set-up: signing key, roster (client `demo`) and state are kept in memory
    #[arg(long)]
    dev: bool,
    /// Let --dev listen on addresses that other machines reach
    #[arg(long, requires = "dev")]
    dev_anywhere: bool,
    #[command(flatten)]
    roster: RosterFlag,
    #[command(flatten)]
    bind: BindFlag,
}

impl Serve {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let mut raw = self.bind.apply(self.roster.apply(RawSettings::gather()));
        let handed_over = handed_over::take_socket(&mut raw);
        let format = Settings::log_format(&raw);
        self.serve(raw, handed_over).or_else(|error| match format {
            LogFormat::Text => Err(error),
            LogFormat::Json => {
                logging::write_failure(&error, format);
                Ok(ExitCode::FAILURE)
            }
        })
    }

    fn serve(
        self,
        mut raw: RawSettings,
        handed_over: Option<TcpListener>,
    ) -> anyhow::Result<ExitCode> {
        let ignored_roster = self.roster.roster.clone().filter(|_| self.dev);
        if self.dev && !self.dev_anywhere {
            demand_loopback(&mut raw);
        }
        let (prepared, key) = if self.dev { dev(raw)? } else { (prepare(&raw)?, None) };
        logging::start(&prepared.settings.log, prepared.settings.log_format);
        prepared.warn();
        if let Some(roster) = ignored_roster {
            let roster = roster.display();
            log::warn!(
                "--roster {roster} is not read, because --dev keeps its roster in memory: leave out one of them"
            );
        }
        let listener = match handed_over {
            Some(socket) => Listener { socket, is_shared: true },
            None => Listener { socket: bind(prepared.settings.bind)?, is_shared: false },
        };
        let base_url = prepared.settings.base_url(listener.socket.local_addr()?);
        let banner = Banner::new(&prepared.settings, &prepared.loaded.roster, key);
        let gate = Gate::open(prepared, &base_url)?;
        let manager = ServiceManager::from_env();
        actix_web::rt::System::new().block_on(async {
            let stop = stop_signal(manager.clone())?;
            reload_on_sighup(gate.clone(), manager.clone());
            let heartbeats = manager.feed_watchdog();
            let announce = || {
                banner.show(&base_url);
                manager.ready();
            };
            run(listener, gate, heartbeats, announce, stop).await
        })?;
        Ok(ExitCode::SUCCESS)
    }
}

fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).with_context(|| {
        format!("cannot listen on {address}; choose another address, for instance --bind 127.0.0.1:0 for any free port")
    })
}

/// Reports an address that is not loopback: --dev prints the key of an admin.
fn demand_loopback(raw: &mut RawSettings) {
    let Ok(address) = Settings::address(raw) else { return };
    if !address.ip().to_canonical().is_loopback() {
        let location = raw.location("HALLPASS_BIND").to_owned();
        let what = format!(
            "HALLPASS_BIND is {address}, which others may reach, and --dev prints the key of an admin: \
             bind to 127.0.0.1:8080, or add --dev-anywhere"
        );
        raw.report(location, what);
    }
}

/// The settings of `--dev`: a fresh secret, a roster and a state in memory; other settings keep their values.
fn dev(mut raw: RawSettings) -> anyhow::Result<(Prepared, Option<SecretString>)> {
    let secret = Alphanumeric.sample_string(&mut rand::rng(), 64);
    raw.set("HALLPASS_SECRET_KEY", &secret, "--dev");
    for ignored in [
        "HALLPASS_SECRET_KEY_FILE",
        "HALLPASS_SIGNING_KEY",
        "HALLPASS_PREVIOUS_SECRET_KEYS",
        "HALLPASS_PREVIOUS_SIGNING_KEYS",
    ] {
        raw.set(ignored, "", "--dev");
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
    let loaded = LoadedRoster { roster, warnings: Diagnostics::default() };
    Ok((prepare_with_roster(&raw, Ok(loaded))?, Some(key.expose())))
}

/// Reads the roster again at every SIGHUP. Under --dev too, since an unhandled SIGHUP ends the process.
fn reload_on_sighup(gate: Gate, manager: ServiceManager) {
    use actix_web::rt::signal::unix::{SignalKind, signal};
    match signal(SignalKind::hangup()) {
        Ok(mut hangups) => {
            actix_web::rt::spawn(async move {
                while hangups.recv().await.is_some() {
                    manager.reload(&gate).await;
                }
            });
        }
        Err(error) => log::error!("cannot handle SIGHUP: {error}"),
    }
}

/// Ready at the first SIGTERM or SIGINT. Signals count from the call on and not from the first poll, so that
/// the process can be stopped as soon as it has printed its address.
fn stop_signal(manager: ServiceManager) -> io::Result<impl Future<Output = ()>> {
    use actix_web::rt::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        log::info!("told to stop: finishing the open requests");
        manager.stopping();
    })
}
