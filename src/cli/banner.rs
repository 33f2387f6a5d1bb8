//! What `serve` prints on stdout: the first line for programs, the rest for people.

use std::{
    io::{self, IsTerminal, Write},
    path::Path,
};

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use crate::{
    cli::terminal::plural,
    config::{settings::Settings, state_location::StateLocation},
    policy::explanation::shell,
    roster::roster::Roster,
};

/// What is printed once the service listens.
pub(super) struct Banner {
    docs: bool,
    /// The header of API keys.
    api_key_header: String,
    /// The key of `--dev`.
    key: Option<SecretString>,
    /// Which files are in use.
    summary: String,
}

impl Banner {
    pub(super) fn new(settings: &Settings, roster: &Roster, key: Option<SecretString>) -> Self {
        Self {
            docs: settings.document.docs,
            api_key_header: settings.document.api_keys.header.clone(),
            key,
            summary: summary(settings, roster, Timestamp::now()),
        }
    }

    /// Prints it. A closed stdout does not stop the service.
    pub(super) fn show(&self, base_url: &str) {
        let out = io::stdout().lock();
        let is_terminal = out.is_terminal();
        let _ = self.write(base_url, is_terminal, out);
    }

    fn write(&self, base_url: &str, is_terminal: bool, mut out: impl Write) -> io::Result<()> {
        writeln!(out, "listening on {base_url}")?;
        if let Some(key) = &self.key {
            writeln!(out, "api key: {}", key.expose_secret())?;
        }
        if self.docs && (self.key.is_some() || is_terminal) {
            writeln!(out, "swagger ui: {base_url}/docs/")?;
        }
        match &self.key {
            Some(key) => {
                let header = format!("{}: {}", self.api_key_header, key.expose_secret());
                write!(out, "{}", first_steps(base_url, &header))?;
            }
            None if is_terminal => writeln!(out, "{}stop: ctrl-c", self.summary)?,
            None => {}
        }
        out.flush()
    }
}

fn summary(settings: &Settings, roster: &Roster, now: Timestamp) -> String {
    let clients = plural(roster.clients().count(), "client");
    let enabled = roster.clients().filter(|client| !client.disabled);
    let usable = enabled.flat_map(|client| &client.keys).filter(|key| !key.has_expired(now));
    let usable = plural(usable.count(), "usable API key");
    let users = match roster.users().count() {
        0 => String::new(),
        count => format!(", {}", plural(count, "user")),
    };
    let state = match &settings.state {
        StateLocation::File(path) => path.display().to_string(),
        StateLocation::Redis(_) => "Redis, shared with other replicas".to_owned(),
        StateLocation::Memory => "memory: a restart forgets revoked tokens".to_owned(),
    };
    let roster = settings.roster.as_path();
    format!("roster: {} ({clients}, {usable}{users})\nstate: {state}\n", Path::display(roster))
}

fn first_steps(base_url: &str, api_key_header: &str) -> String {
    let header = shell(api_key_header, "");
    format!(
        "\nTry it, in another terminal:\n\
         \x20 TOKEN=$(curl -s -X POST {base_url}/login -H {header} | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')\n\
         \x20 curl -s {base_url}/request -H \"Authorization: Bearer $TOKEN\"\n\
         \x20 curl -s {base_url}/clients -H \"Authorization: Bearer $TOKEN\"\n\
         \x20 curl -s -X POST {base_url}/logout -H \"Authorization: Bearer $TOKEN\"\n\
         Everything is kept in memory; stop with ctrl-c.\n"
    )
}

#[cfg(test)]
mod tests {
    use crate::config::raw_settings::RawSettings;

    use super::*;

    const ROSTER: &str = "[clients.a]\n[[clients.a.keys]]\nid = '4fQz81LmXc0a'\n\
        created = 2026-01-01T00:00:00Z\n\
        hash = '$2b$10$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.'\n\
        [clients.b]\ndisabled = true\n[[clients.b.keys]]\nid = '4fQz81LmXc0b'\n\
        created = 2026-01-01T00:00:00Z\n\
        hash = '$2b$10$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.'\n";

    const USER: &str = "[users.alice]\n\
        password = '$2b$12$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.'\n";

    fn shown(key: Option<&str>, is_terminal: bool) -> String {
        let mut raw = RawSettings::default();
        raw.set("HALLPASS_SECRET_KEY", "0123456789abcdef0123456789abcdef", "here");
        let settings = Settings::resolve(&raw).unwrap();
        let roster = Roster::parse(&format!("{ROSTER}{USER}"), "roster.toml").unwrap().roster;
        let mut out = Vec::new();
        let banner = Banner::new(&settings, &roster, key.map(Into::into));
        banner.write("http://h:1", is_terminal, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn programs_get_one_line_and_terminals_the_details() {
        assert_eq!(shown(None, false), "listening on http://h:1\n");
        assert_eq!(
            shown(None, true),
            "listening on http://h:1\nswagger ui: http://h:1/docs/\n\
             roster: roster.toml (2 clients, 1 usable API key, 1 user)\nstate: hallpass.redb\nstop: ctrl-c\n"
        );
    }

    #[test]
    fn dev_mode_prints_the_same_to_programs_and_terminals() {
        assert_eq!(shown(Some("hp_x"), true), shown(Some("hp_x"), false));
        let start = "listening on http://h:1\napi key: hp_x\nswagger ui: http://h:1/docs/\n";
        assert!(shown(Some("hp_x"), false).starts_with(start));
    }
}
