//! Settings as they were written, each with the place where it stands: flag, environment or `.env`.
//!
//! Must not know what a value means: `resolve` reads values.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use crate::problem::{Problem, Problems};

use super::variables::VARIABLES;

#[derive(Debug, Clone)]
struct Written {
    text: String,
    place: String,
}

/// What flags, environment and `.env` say, before anything is checked.
///
/// It cannot be printed: one of the values is the signing key.
#[derive(Clone, Default)]
pub struct Raw(BTreeMap<String, Written>);

impl std::fmt::Debug for Raw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Raw {
    /// Reads `.env` in the working directory and the environment of this process.
    ///
    /// # Errors
    /// As [`Raw::read`].
    pub fn from_env() -> Result<Self, Problems> {
        let environment = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Self::read(".env".as_ref(), environment)
    }

    /// Reads `env_file` (which may be missing) and then `environment`, which beats it.
    ///
    /// # Errors
    /// A problem for each line of the file that cannot be read.
    pub fn read(
        env_file: &Path,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Problems> {
        let mut raw = Self::default();
        raw.read_file(env_file)?;
        for (name, text) in environment {
            if name.starts_with("HALLPASS_") {
                raw.set(&name, &text, "environment");
            }
        }
        Ok(raw)
    }

    fn read_file(&mut self, file: &Path) -> Result<(), Problems> {
        let shown = file.display();
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => {
                return Err(
                    Problem::new(shown.to_string(), format!("cannot be read: {error}")).into()
                );
            }
        };
        let mut problems = Problems::default();
        for entry in dotenvy::Iter::new(text.as_bytes()) {
            match entry {
                Ok((name, value)) if name.starts_with("HALLPASS_") => {
                    let line = line_of(&text, &name);
                    self.set(&name, &value, &format!("{shown}:{line}"));
                }
                Ok(_) => {}
                Err(dotenvy::Error::LineParse(bad, _)) => {
                    let line =
                        text.lines().position(|line| line == bad).map_or(0, |index| index + 1);
                    problems.push(Problem::new(
                        format!("{shown}:{line}"),
                        "is not NAME=VALUE; put values with spaces, $, # or quotes into single quotes",
                    ));
                }
                Err(error) => problems.push(Problem::new(shown.to_string(), error.to_string())),
            }
        }
        problems.or(())
    }

    /// Sets a value, whatever was there before; `place` is named when it is wrong.
    pub fn set(&mut self, name: &str, text: &str, place: &str) {
        let written = Written { text: text.to_owned(), place: place.to_owned() };
        self.0.insert(name.to_owned(), written);
    }

    /// The value as written; an empty one counts as not set.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|written| written.text.trim()).filter(|text| !text.is_empty())
    }

    /// The roster file: commands that edit it need no other setting.
    pub fn roster(&self) -> PathBuf {
        self.text("HALLPASS_ROSTER").unwrap_or("roster.toml").into()
    }

    /// Where the value stands, for problems.
    pub fn place(&self, name: &str) -> &str {
        self.0.get(name).map_or("environment", |written| &written.place)
    }

    /// A warning for every `HALLPASS_` variable that is no setting: most are typing errors.
    pub fn unknown(&self) -> Problems {
        let mut problems = Problems::default();
        for (name, written) in &self.0 {
            if !VARIABLES.iter().any(|variable| variable.name == name) {
                let what = format!("{name} is not a setting of this version and is ignored");
                problems.push(Problem::new(&written.place, what));
            }
        }
        problems
    }
}

fn line_of(text: &str, name: &str) -> usize {
    let sets = |line: &str| {
        let line = line.trim_start();
        let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
        line.strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with('='))
    };
    let last = text.lines().enumerate().filter(|(_, line)| sets(line)).last();
    last.map_or(0, |(index, _)| index + 1)
}
