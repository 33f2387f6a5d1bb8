//! The environment variables, and `.env.example`, which is generated from them.

use std::fmt::Write;

use crate::config::api_key_names::{DEFAULT_HEADER, DEFAULT_QUERY};

/// An environment variable, as `.env.example` and the reference show it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Variable {
    pub name: &'static str,
    /// The value if it is not set; `None` if there is none.
    pub default: Option<&'static str>,
    /// The help text, with its line breaks.
    pub about: &'static str,
    pub in_application: InApplication,
}

/// What a variable means to an application that makes its gate from the environment.
#[derive(Debug, Clone, Copy)]
pub(crate) enum InApplication {
    /// It counts as in `hallpass serve`.
    Counts,
    /// The application asks the gate for it, by this method.
    AskedBy(&'static str),
    /// `hallpass serve` alone reads it; what the application does instead.
    HasNoEffect(&'static str),
}

const fn variable(
    name: &'static str,
    default: Option<&'static str>,
    about: &'static str,
) -> Variable {
    Variable { name, default, about, in_application: InApplication::Counts }
}

impl Variable {
    const fn asked_by(self, method: &'static str) -> Self {
        Self { in_application: InApplication::AskedBy(method), ..self }
    }

    const fn without_effect(self, instead: &'static str) -> Self {
        Self { in_application: InApplication::HasNoEffect(instead), ..self }
    }
}

/// Every variable that hallpass reads.
pub(crate) const VARIABLES: &[Variable] = &[
    variable(
        "HALLPASS_BIND",
        Some("127.0.0.1:8080"),
        "Address and port to listen on. A socket that systemd hands over (LISTEN_FDS) beats it.",
    )
    .asked_by("Gate::bind_address"),
    variable(
        "HALLPASS_TLS_CERT",
        None,
        "Enables TLS: the path of a PEM file with the server's certificate, followed by its intermediate certificates.\n\
         The certificate and the key are reloaded when they change.",
    )
    .asked_by("Gate::tls"),
    variable(
        "HALLPASS_TLS_KEY",
        None,
        "The path of a PEM file with the certificate's private key, without a passphrase.",
    )
    .asked_by("Gate::tls"),
    variable(
        "HALLPASS_ROSTER",
        Some("roster.toml"),
        "The roster: the file with clients, API keys and users. `hallpass key` and `hallpass user` edit it.",
    ),
    variable(
        "HALLPASS_SECRET_KEY",
        None,
        "The HS256 secret that signs tokens: at least 32 bytes, the same on every server that shares tokens.\n\
         `hallpass init` generates one. Put it in single quotes if it contains $ or #.",
    ),
    variable(
        "HALLPASS_SECRET_KEY_FILE",
        None,
        "The path of a file with the secret, instead of HALLPASS_SECRET_KEY; a newline at its end is not part of it.\n\
         Under systemd a relative path of a key or certificate is that of a credential (LoadCredential=), if there is one.",
    ),
    variable(
        "HALLPASS_SIGNING_KEY",
        None,
        "A private key, instead of the secret: the path of a PKCS#8 PEM file.\n\
         Ed25519 keys sign with EdDSA, P-256 keys with ES256, RSA keys of at least 2048 bits with RS256.\n\
         Or the path of a directory: current.pem signs, every other *.pem verifies, and changes count without a restart;\n\
         `hallpass signing-key rotate` makes and replaces the keys.",
    ),
    variable(
        "HALLPASS_PREVIOUS_SECRET_KEYS",
        None,
        "Former secrets, separated by commas. They still verify tokens and sign none.",
    ),
    variable(
        "HALLPASS_PREVIOUS_SIGNING_KEYS",
        None,
        "Former private keys: paths of PEM files, separated by commas. They still verify tokens and sign none.",
    ),
    variable(
        "HALLPASS_ISSUER",
        None,
        "The `iss` of every token: the public address, with the path under which a reverse proxy serves hallpass, as in\n\
         https://example.com/auth. The proxy takes the path away; the session cookie, the redirect after logout and the\n\
         `servers` of the document follow it. Default: http:// (https:// with TLS) and the bound address.",
    ),
    variable("HALLPASS_AUDIENCE", None, "The `aud` of every token. Default: the issuer."),
    variable(
        "HALLPASS_TOKEN_LIFETIME",
        Some("30m"),
        "The lifetime of a token, in the units s, m, h, d: 90s, 30m, 1h30m.",
    ),
    variable(
        "HALLPASS_LEEWAY",
        Some("0s"),
        "The tolerated clock skew of `exp`, at most 10m; `iat` and `nbf` get 10s at least.",
    ),
    variable(
        "HALLPASS_STATE",
        Some("hallpass.redb"),
        "The file that keeps revocations across restarts; `memory` for no file; or what replicas share, a Redis or Valkey:\n\
         redis://[user[:password]@]host[:port][/db], or rediss://... for TLS, each part percent-encoded.",
    ),
    variable(
        "HALLPASS_API_KEY_HEADER",
        Some(DEFAULT_HEADER),
        "The header in which API keys are sent; the document follows.",
    ),
    variable(
        "HALLPASS_API_KEY_QUERY",
        Some(DEFAULT_QUERY),
        "The query parameter in which API keys may be sent, for testing; the document follows. `off` for none.",
    ),
    variable("HALLPASS_DOCS", Some("on"), "Swagger UI at /docs/: on or off."),
    variable("HALLPASS_COOKIE_NAME", Some("access_token"), "The name of the session cookie."),
    variable(
        "HALLPASS_COOKIE_SECURE",
        Some("on"),
        "Whether browsers send the session cookie over TLS only: on or off (off under --dev).",
    ),
    variable(
        "HALLPASS_LOGOUT_REDIRECT",
        Some("/docs/"),
        "Where logout redirects a browser: a path or an http(s) URL. Default: /docs/ below the path of the issuer,\n\
         and / there where HALLPASS_DOCS is off.",
    ),
    variable(
        "HALLPASS_CORS_ORIGINS",
        None,
        "Origins that CORS allows, separated by commas: https://app.example.com",
    ),
    variable(
        "HALLPASS_TRUSTED_PROXIES",
        None,
        "Trusted reverse proxies: addresses or networks, separated by commas, such as 127.0.0.1,10.0.0.0/8.\n\
         The client's address is taken from their Forwarded or X-Forwarded-For header, and they alone may ask /verify.",
    ),
    variable(
        "HALLPASS_POLICY",
        None,
        "What /verify enforces: the path of another service's OpenAPI 3.0, 3.1 or 3.2 file, JSON or YAML. It is reloaded\n\
         when it changes. Default: everybody may pass who has a token, the session cookie or an API key.",
    ),
    variable(
        "HALLPASS_POLICY_BASE",
        None,
        "The path before every path of another service's OpenAPI file, such as /api/v1; `/` for none.\n\
         Default: the path of its `servers`.",
    ),
    variable(
        "HALLPASS_POLICY_UNDECLARED",
        Some("deny"),
        "What an operation of that file without `security` means: deny or public.",
    ),
    variable(
        "HALLPASS_POLICY_MODE",
        Some("enforce"),
        "enforce, or report: /verify then lets every request pass, without an identity where it would refuse, and\n\
         logs it as `audit would-refuse`. For a trial before the policy is enforced: it protects nothing.",
    ),
    variable(
        "HALLPASS_VERIFY_TOKEN",
        Some("off"),
        "Whether /verify also answers with X-Hallpass-Token, an access token with which the backend can verify for\n\
         itself who sent a request: on or off.",
    ),
    variable(
        "HALLPASS_RATE_LIMIT",
        Some("60/m"),
        "How many attempts with wrong API keys or passwords one address may make,\n\
         and how many with wrong passwords of one user: 60/m, 5/s, 1000/h; `off` for no limit.",
    ),
    variable("HALLPASS_WORKERS", None, "The number of worker threads. Default: one per core.")
        .without_effect("`HttpServer::workers` sets the number of workers"),
    variable(
        "HALLPASS_METRICS_BIND",
        None,
        "Address and port of GET /metrics, for Prometheus: 127.0.0.1:8081. It requires no credential, so choose an\n\
         address that only your own machines reach. Default: no metrics.",
    )
    .without_effect("`Gate::metrics` answers an operation of the application"),
    variable(
        "HALLPASS_LOG",
        Some("info"),
        "What is logged to stderr: off, error, warn, info, debug, trace; or by target: info,access=off",
    )
    .without_effect("the application chooses its logger and what that writes"),
    variable(
        "HALLPASS_LOG_FORMAT",
        Some("text"),
        "The format of the log: text, or json for one JSON object per line.",
    )
    .without_effect("the application chooses its logger and what that writes"),
];

/// The text of `.env.example`: every variable with its help text, commented out.
pub(crate) fn example() -> String {
    let mut text = String::from(
        "# Settings of hallpass. Copy to .env (or run `hallpass init`) and remove the # in front of what you change.\n\
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

/// The text of a first `.env`: the example with `secret_key` filled in, and `roster` if it is not the default. `None` if
/// `.env` cannot express the path of the roster.
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
            "# Settings of hallpass. Copy to .env (or run `hallpass init`) and remove",
            "# Settings of hallpass. Remove",
        );
    Some(text)
}
