//! The table of environment variables, and `.env.example` made from it.

use std::fmt::Write;

/// One environment variable as the manual shows it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Variable {
    /// Its name, `HALLPASS_...`.
    pub name: &'static str,
    /// Its value when nobody sets it; `None` where leaving it out means "none".
    pub default: Option<&'static str>,
    /// What it is, one line of prose a text line.
    pub about: &'static str,
}

const fn variable(
    name: &'static str,
    default: Option<&'static str>,
    about: &'static str,
) -> Variable {
    Variable { name, default, about }
}

/// Every variable that hallpass reads.
pub(crate) const VARIABLES: &[Variable] = &[
    variable("HALLPASS_BIND", Some("127.0.0.1:8080"), "Address and port to listen on."),
    variable(
        "HALLPASS_TLS_CERT",
        None,
        "To speak TLS: the path of a PEM with the server's certificate, and behind it those that vouch for it.\n\
         It and the key are read anew when they change.",
    ),
    variable(
        "HALLPASS_TLS_KEY",
        None,
        "The path of a PEM with the certificate's private key, without a passphrase.",
    ),
    variable(
        "HALLPASS_ROSTER",
        Some("roster.toml"),
        "The file that says who may come in; `hallpass key add` edits it.",
    ),
    variable(
        "HALLPASS_SECRET_KEY",
        None,
        "The HS256 secret that signs tokens: at least 32 bytes, the same on every server that shares tokens.\n\
         `hallpass init` makes one. Quote it with single quotes if it holds $ or #.",
    ),
    variable(
        "HALLPASS_SIGNING_KEY",
        None,
        "Instead of the secret, a private key: the path of a PKCS#8 PEM.\n\
         Ed25519 signs EdDSA, P-256 signs ES256, RSA of 2048 bits and more signs RS256.",
    ),
    variable(
        "HALLPASS_PREVIOUS_SECRET_KEYS",
        None,
        "Former secrets, separated by commas: tokens signed with them are still accepted, none is signed.",
    ),
    variable(
        "HALLPASS_PREVIOUS_SIGNING_KEYS",
        None,
        "Former private keys, as paths of PEMs separated by commas: as above.",
    ),
    variable(
        "HALLPASS_ISSUER",
        None,
        "The `iss` of every token. Default: http:// (https:// with TLS) and the address that was bound.",
    ),
    variable("HALLPASS_AUDIENCE", None, "The `aud` of every token. Default: the issuer."),
    variable("HALLPASS_TOKEN_LIFETIME", Some("30m"), "How long a token lives: 90s, 30m, 8h."),
    variable("HALLPASS_LEEWAY", Some("0s"), "Tolerated error between clocks, at most 10m."),
    variable(
        "HALLPASS_STATE",
        Some("hallpass.redb"),
        "The file that remembers revoked tokens over a restart; `memory` for none.",
    ),
    variable("HALLPASS_DOCS", Some("on"), "Swagger UI at /docs/: on or off."),
    variable("HALLPASS_COOKIE_NAME", Some("access_token"), "Name of the session cookie."),
    variable(
        "HALLPASS_COOKIE_SECURE",
        Some("on"),
        "Whether browsers send the session cookie over TLS only: on or off (off under --dev).",
    ),
    variable(
        "HALLPASS_LOGOUT_REDIRECT",
        Some("/docs/"),
        "Where a browser lands after logout: a path, or an http(s) address.",
    ),
    variable(
        "HALLPASS_CORS_ORIGINS",
        None,
        "Origins whose pages may call hallpass, separated by commas: https://app.example.com",
    ),
    variable(
        "HALLPASS_TRUSTED_PROXIES",
        None,
        "Proxies in front, as addresses or networks separated by commas: 127.0.0.1, 10.0.0.0/8\n\
         What they say in Forwarded or X-Forwarded-For of where a request came from is believed.",
    ),
    variable(
        "HALLPASS_RATE_LIMIT",
        Some("60/m"),
        "How many attempts of one address may fail, with wrong API keys and passwords:\n\
         60/m, 5/s, 1000/h; `off` for no limit.",
    ),
    variable("HALLPASS_WORKERS", None, "Worker threads. Default: one a core."),
    variable(
        "HALLPASS_METRICS_BIND",
        None,
        "Address and port of GET /metrics, for Prometheus: 127.0.0.1:8081. It asks for no credential, so take one\n\
         that only your own machines reach. Default: there are none.",
    ),
    variable(
        "HALLPASS_LOG",
        Some("info"),
        "What is logged to stderr: off, error, warn, info, debug, trace; or by target: info,access=off",
    ),
    variable(
        "HALLPASS_LOG_FORMAT",
        Some("text"),
        "How it is logged: text, or json for one JSON object a line.",
    ),
];

/// The text of `.env.example`: every variable with its meaning, all commented out.
pub(crate) fn example() -> String {
    let mut text = String::from(
        "# Settings of hallpass. Copy to .env (or run `hallpass init`) and take away the # where you differ.\n\
         # Flags beat the environment, the environment beats this file, this file beats the defaults.\n",
    );
    for variable in VARIABLES {
        text.push('\n');
        for line in variable.about.lines() {
            let _ = writeln!(text, "# {line}");
        }
        let _ = writeln!(text, "#{}={}", variable.name, variable.default.unwrap_or_default());
    }
    text
}

/// The text of a first `.env`: the example with `secret_key` filled in, and `roster` where it is not
/// the default. A roster with signs that `.env` cannot hold gives none.
pub(crate) fn first_env(secret_key: &str, roster: &str) -> Option<String> {
    if roster.contains(['\'', '\\']) || roster.contains(char::is_control) {
        return None;
    }
    let default = "#HALLPASS_ROSTER=roster.toml\n";
    let roster = if roster == "roster.toml" {
        default.to_owned()
    } else {
        format!("HALLPASS_ROSTER='{roster}'\n")
    };
    let text = example()
        .replace(default, &roster)
        .replace("#HALLPASS_SECRET_KEY=\n", &format!("HALLPASS_SECRET_KEY={secret_key}\n"))
        .replace(
            "# Settings of hallpass. Copy to .env (or run `hallpass init`) and take",
            "# Settings of hallpass. Take",
        );
    Some(text)
}
