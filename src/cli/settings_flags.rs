//! Flags that several commands share, each of which overrides a setting.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::config::raw_settings::RawSettings;

#[derive(Debug, Args)]
pub(super) struct RosterFlag {
    /// The roster file, instead of HALLPASS_ROSTER
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) roster: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct BindFlag {
    /// Address and port, instead of HALLPASS_BIND
    #[arg(long, value_name = "ADDRESS:PORT")]
    bind: Option<String>,
}

impl RosterFlag {
    pub(super) fn apply(&self, mut raw: RawSettings) -> RawSettings {
        match self.roster.as_deref().map(Path::to_str) {
            Some(Some(roster)) => raw.set("HALLPASS_ROSTER", roster, "--roster"),
            Some(None) => raw.report("--roster", "is not UTF-8: give the file another name"),
            None => {}
        }
        raw
    }
}

impl BindFlag {
    pub(super) fn apply(&self, mut raw: RawSettings) -> RawSettings {
        if let Some(bind) = &self.bind {
            raw.set("HALLPASS_BIND", bind, "--bind");
        }
        raw
    }
}
