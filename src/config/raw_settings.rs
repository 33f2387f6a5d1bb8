//! Settings as they were written, each with its location: flag, environment or `.env`.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
};

use crate::{
    config::{
        env_file::EnvFile,
        variables::{InApplication, VARIABLES},
    },
    diagnostics::{Diagnostic, Diagnostics},
    files::file_content::FileContent,
};

#[derive(Debug, Clone)]
struct RawValue {
    text: String,
    location: String,
}

/// The values of flags, environment and `.env`, unchecked.
///
/// `Debug` shows only names, because values include secrets.
#[derive(Clone, Default)]
pub(crate) struct RawSettings {
    values: BTreeMap<String, RawValue>,
    /// What could not be read. Resolving reports it together with invalid values.
    diagnostics: Diagnostics,
    /// What works and should be changed.
    warnings: Diagnostics,
    has_env_file: bool,
    /// The directory of systemd's credentials.
    credentials: Option<PathBuf>,
}

impl std::fmt::Debug for RawSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

impl RawSettings {
    /// Reads `.env` in the working directory and the environment of this process.
    ///
    /// # Errors
    /// A diagnostic for each line and each variable that cannot be read.
    pub(crate) fn from_env() -> Result<Self, Diagnostics> {
        Self::gather().complete()
    }

    /// The same, but keeps the diagnostics, so that resolving reports everything at once.
    pub(crate) fn gather() -> Self {
        Self::read(".env".as_ref(), std::env::vars_os())
    }

    /// Reads `env_file`, which may be missing, and then `environment`, which takes precedence.
    pub(crate) fn read(
        env_file: &Path,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Self {
        let mut raw = Self::default();
        raw.read_file(env_file);
        for (name, text) in environment {
            if name == "CREDENTIALS_DIRECTORY" && !text.is_empty() {
                raw.credentials = Some(text.into());
                continue;
            }
            let Some(name) = name.to_str().filter(|name| name.starts_with("HALLPASS_")) else {
                continue;
            };
            match text.to_str() {
                Some(text) => raw.set(name, text, "environment"),
                None => raw.report("environment", format!("{name} is not UTF-8")),
            }
        }
        raw
    }

    fn read_file(&mut self, file: &Path) {
        let shown = file.display().to_string();
        let content = match FileContent::read_once(file) {
            Ok(content) => content,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
            Err(error) => return self.report(shown, format!("cannot be read: {error}")),
        };
        self.has_env_file = true;
        match content.check_permissions(file) {
            Ok(exposed) => exposed.into_iter().for_each(|warning| self.warnings.push(warning)),
            Err(diagnostic) => self.diagnostics.push(diagnostic),
        }
        if let [0xff, 0xfe, ..] | [0xfe, 0xff, ..] = content.bytes() {
            return self.report(shown, "is UTF-16: save the file as UTF-8");
        }
        let file = EnvFile::parse(content.bytes());
        for (name, value, line) in &file.values {
            self.set(name, value, &format!("{shown}:{line}"));
        }
        for line in file.errors {
            self.report(
                format!("{shown}:{line}"),
                "is not NAME=VALUE; put values with spaces, $, # or quotes into single quotes",
            );
        }
        for line in file.ignored {
            let what = "is not NAME=VALUE, and is ignored because it sets no HALLPASS_ variable";
            self.warnings.push(Diagnostic::new(format!("{shown}:{line}"), what));
        }
    }

    /// Adds a diagnostic for something that cannot be read.
    pub(crate) fn report(&mut self, location: impl Into<String>, what: impl Into<String>) {
        self.diagnostics.push(Diagnostic::new(location, what));
    }

    /// What could not be read.
    pub(crate) fn diagnostics(&self) -> &Diagnostics {
        &self.diagnostics
    }

    /// Whether there is a `.env`.
    pub(super) fn has_env_file(&self) -> bool {
        self.has_env_file
    }

    /// Returns `self` if everything could be read.
    ///
    /// # Errors
    /// The diagnostics, if there are any.
    pub(crate) fn complete(self) -> Result<Self, Diagnostics> {
        self.diagnostics.clone().or(self)
    }

    /// Sets a value; `location` is named if the value is invalid.
    pub(crate) fn set(&mut self, name: &str, text: &str, location: &str) {
        let value = RawValue { text: text.to_owned(), location: location.to_owned() };
        self.values.insert(name.to_owned(), value);
    }

    /// Replaces everything about our own tokens by settings that need no file: nothing that is issued is known elsewhere.
    pub(crate) fn verify_only(&mut self, secret: &str) {
        for name in [
            "HALLPASS_SIGNING_KEY",
            "HALLPASS_SECRET_KEY_FILE",
            "HALLPASS_PREVIOUS_SECRET_KEYS",
            "HALLPASS_PREVIOUS_SIGNING_KEYS",
        ] {
            self.values.remove(name);
        }
        let location = "a gate that only verifies";
        self.set("HALLPASS_SECRET_KEY", secret, location);
        self.set("HALLPASS_STATE", "memory", location);
        // No issuer of the roster is this one.
        self.set("HALLPASS_ISSUER", "https://verifier.invalid", location);
    }

    /// The text of a value; an empty one counts as not set.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.set_text(name).filter(|text| !text.is_empty())
    }

    /// The text of a value that is set, even if it is empty.
    pub(super) fn set_text(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|value| value.text.trim())
    }

    /// The path of a file with a key: a relative one is that of a credential of systemd, if there is one of this name.
    pub(super) fn credential(&self, path: &str) -> PathBuf {
        // An absolute path stays what it is.
        let credential = self.credentials.as_ref().map(|directory| directory.join(path));
        credential.filter(|credential| credential.exists()).unwrap_or_else(|| path.into())
    }

    /// The path of the roster, the only setting that commands which edit it need.
    pub(crate) fn roster(&self) -> PathBuf {
        self.text("HALLPASS_ROSTER").unwrap_or("roster.toml").into()
    }

    /// Where the value was set.
    pub(crate) fn location(&self, name: &str) -> &str {
        self.values.get(name).map_or("environment", |value| &value.location)
    }

    /// What is set, and has no effect in an application.
    pub(crate) fn without_effect_in_application(&self) -> Diagnostics {
        let mut diagnostics = Diagnostics::default();
        for variable in VARIABLES.iter().filter(|variable| self.text(variable.name).is_some()) {
            if let InApplication::HasNoEffect(instead) = variable.in_application {
                let name = variable.name;
                let what = format!("{name} has no effect in an application: {instead}");
                diagnostics.push(Diagnostic::new(self.location(name), what));
            }
        }
        diagnostics
    }

    /// What works and should be changed; among it is every unknown `HALLPASS_` variable.
    pub(super) fn warnings(&self) -> Diagnostics {
        let mut diagnostics = self.warnings.clone();
        for (name, value) in &self.values {
            if !VARIABLES.iter().any(|variable| variable.name == name) {
                let what = format!("{name} is not a setting of this version and is ignored");
                diagnostics.push(Diagnostic::new(&value.location, what));
            }
        }
        diagnostics
    }
}
