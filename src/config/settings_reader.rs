//! Reads single settings and collects what is wrong with them.

use std::{net::SocketAddr, time::Duration};

use crate::{
    config::{
        raw_settings::RawSettings,
        values::{bind, leeway},
    },
    diagnostics::{Diagnostic, Diagnostics},
};

pub(super) struct SettingsReader<'r> {
    pub(super) raw: &'r RawSettings,
    pub(super) diagnostics: Diagnostics,
    pub(super) warnings: Diagnostics,
}

impl<'r> SettingsReader<'r> {
    /// Reports what could not be read together with the values that are wrong.
    pub(super) fn new(raw: &'r RawSettings) -> Self {
        Self { raw, diagnostics: raw.diagnostics().clone(), warnings: raw.warnings() }
    }

    /// Reports only values that are wrong.
    pub(super) fn values_only(raw: &'r RawSettings) -> Self {
        Self { raw, diagnostics: Diagnostics::default(), warnings: Diagnostics::default() }
    }

    pub(super) fn diagnostic(&mut self, name: &str, message: &str) {
        self.diagnostics
            .push(Diagnostic::new(self.raw.location(name), format!("{name} {message}")));
    }

    pub(super) fn value<T>(
        &mut self,
        name: &str,
        default: T,
        read: fn(&str) -> Result<T, String>,
    ) -> T {
        self.read(name, self.raw.text(name), default, read)
    }

    /// The same of a setting that may not be left empty.
    pub(super) fn set_value<T>(
        &mut self,
        name: &str,
        default: T,
        read: fn(&str) -> Result<T, String>,
    ) -> T {
        self.read(name, self.raw.set_text(name), default, read)
    }

    fn read<T>(
        &mut self,
        name: &str,
        text: Option<&str>,
        default: T,
        read: fn(&str) -> Result<T, String>,
    ) -> T {
        match text.map(read) {
            None => default,
            Some(Ok(value)) => value,
            Some(Err(message)) => {
                self.diagnostic(name, &message);
                default
            }
        }
    }

    pub(super) fn leeway(&mut self) -> Duration {
        self.value("HALLPASS_LEEWAY", Duration::ZERO, leeway)
    }

    pub(super) fn bind(&mut self) -> SocketAddr {
        self.value("HALLPASS_BIND", SocketAddr::from(([127, 0, 0, 1], 8080)), bind)
    }
}
