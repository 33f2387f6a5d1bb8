//! Settings as users write them.

use std::time::Duration;

use crate::config::{raw_settings::RawSettings, settings::Settings};

fn raw(values: &[(&str, &str)]) -> RawSettings {
    let mut raw = RawSettings::default();
    for (name, text) in values {
        raw.set(name, text, "environment");
    }
    raw
}

const SECRET: &str = "0123456789abcdef0123456789abcdef";

#[test]
fn a_secret_is_all_that_must_be_set() {
    let settings = Settings::resolve(&raw(&[("HALLPASS_SECRET_KEY", SECRET)])).unwrap();
    assert_eq!(settings.bind.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.document.token_lifetime, Duration::from_secs(30 * 60));
    assert_eq!(settings.leeway, Duration::ZERO);
    assert!(settings.document.docs && settings.cookie_secure);
    assert_eq!(settings.metrics_bind, None);
}

#[test]
fn every_wrong_value_is_reported_in_one_run() {
    let wrong = [
        ("HALLPASS_BIND", "8080"),
        ("HALLPASS_SECRET_KEY", "short"),
        ("HALLPASS_PREVIOUS_SECRET_KEYS", "-----BEGIN PRIVATE KEY-----"),
        ("HALLPASS_ISSUER", "login.example.com"),
        ("HALLPASS_TOKEN_LIFETIME", "0s"),
        ("HALLPASS_LEEWAY", "1h"),
        ("HALLPASS_API_KEY_HEADER", "Cookie"),
        ("HALLPASS_API_KEY_QUERY", ""),
        ("HALLPASS_DOCS", "yes"),
        ("HALLPASS_COOKIE_NAME", "a b"),
        ("HALLPASS_COOKIE_SECURE", "1"),
        ("HALLPASS_LOGOUT_REDIRECT", "//elsewhere.example"),
        ("HALLPASS_CORS_ORIGINS", "https://a.example/path"),
        ("HALLPASS_TRUSTED_PROXIES", "127.0.0.1, example.com"),
        ("HALLPASS_RATE_LIMIT", "60"),
        ("HALLPASS_WORKERS", "0"),
        ("HALLPASS_METRICS_BIND", "8081"),
        ("HALLPASS_LOG", "loud"),
        ("HALLPASS_LOG_FORMAT", "xml"),
    ];
    let diagnostics = Settings::resolve(&raw(&wrong)).unwrap_err();
    for (name, _) in wrong {
        assert!(
            diagnostics.iter().any(|diagnostic| diagnostic.message.starts_with(name)),
            "{name}: {diagnostics}"
        );
    }
    assert_eq!(diagnostics.iter().count(), wrong.len(), "{diagnostics}");
    assert!(!diagnostics.to_string().contains("short\""), "a secret is not shown: {diagnostics}");
}

fn resolve(name: &str, text: &str) -> Result<Settings, crate::diagnostics::Diagnostics> {
    Settings::resolve(&raw(&[("HALLPASS_SECRET_KEY", SECRET), (name, text)]))
}

#[test]
fn a_rate_limit_is_a_number_and_a_unit_or_off() {
    let rate = |text: &str| resolve("HALLPASS_RATE_LIMIT", text).map(|it| it.rate_limit);
    assert_eq!(rate("").unwrap(), rate("60/m").unwrap(), "the default");
    assert_eq!(rate("off").unwrap(), None);
    for (text, failures, seconds) in [("1/s", 1, 1), ("5/m", 5, 60), ("1000000/h", 1_000_000, 3600)]
    {
        let rate = rate(text).unwrap().unwrap();
        assert_eq!((rate.failures.get(), rate.per.as_secs()), (failures, seconds), "{text}");
    }
    for bad in ["on", "0/m", "-1/m", "60/d", "60/", "/m", "60 / m", "1000001/s", "60/m/m", "none"] {
        let told = rate(bad).unwrap_err().to_string();
        assert!(told.contains("HALLPASS_RATE_LIMIT is ") && told.contains("60/m"), "{told}");
    }
}

#[test]
fn trusted_proxies_are_addresses_and_networks() {
    let proxies =
        |text: &str| resolve("HALLPASS_TRUSTED_PROXIES", text).map(|it| it.trusted_proxies);
    assert!(proxies("").unwrap().is_empty());
    let many = proxies("127.0.0.1, 10.1.2.3/8 ,::1,fd00::/8").unwrap();
    let many: Vec<String> = many.iter().map(ToString::to_string).collect();
    assert_eq!(many, ["127.0.0.1/32", "10.0.0.0/8", "::1/128", "fd00::/8"]);
    for bad in ["*", "10.0.0.0/33", "proxy.example", "127.0.0.1:80", "::ffff:10.0.0.0/104"] {
        let told = proxies(bad).unwrap_err().to_string();
        assert!(told.contains("HALLPASS_TRUSTED_PROXIES holds "), "{told}");
    }
}

#[test]
fn the_number_of_workers_is_limited_to_what_actix_web_takes() {
    for (text, good) in [("1", true), ("512", true), ("513", false)] {
        let settings = raw(&[("HALLPASS_SECRET_KEY", SECRET), ("HALLPASS_WORKERS", text)]);
        assert_eq!(Settings::resolve(&settings).is_ok(), good, "{text}");
    }
}

#[test]
fn tls_needs_both_files_and_makes_the_address_https() {
    let secret = ("HALLPASS_SECRET_KEY", SECRET);
    let (certificate, key) = (("HALLPASS_TLS_CERT", "c.pem"), ("HALLPASS_TLS_KEY", "k.pem"));
    let both = Settings::resolve(&raw(&[secret, certificate, key])).unwrap();
    let files = both.tls.as_ref().unwrap();
    assert_eq!((files.certificate.to_str(), files.key.to_str()), (Some("c.pem"), Some("k.pem")));
    assert_eq!(both.base_url(both.bind), "https://127.0.0.1:8080");
    let none = Settings::resolve(&raw(&[secret])).unwrap();
    assert_eq!(none.base_url(none.bind), "http://127.0.0.1:8080");
    for (set, other) in [(certificate, "HALLPASS_TLS_KEY"), (key, "HALLPASS_TLS_CERT")] {
        let diagnostics = Settings::resolve(&raw(&[secret, set])).unwrap_err().to_string();
        assert_eq!(
            diagnostics,
            format!("environment: {} is set and {other} is not: TLS needs both", set.0)
        );
    }
    let pem = [secret, certificate, ("HALLPASS_TLS_KEY", "-----BEGIN PRIVATE KEY-----\nabc")];
    let diagnostics = Settings::resolve(&raw(&pem)).unwrap_err().to_string();
    assert!(diagnostics.contains("HALLPASS_TLS_KEY is a PEM"), "{diagnostics}");
    assert!(!diagnostics.contains("abc"), "the key is not shown: {diagnostics}");
}

#[test]
fn a_missing_secret_names_init() {
    let diagnostics = Settings::resolve(&raw(&[])).unwrap_err();
    assert!(diagnostics.to_string().contains("hallpass init"), "{diagnostics}");
}

#[test]
fn a_cookie_prefix_that_needs_tls_is_refused_without_it() {
    let insecure = [
        ("HALLPASS_SECRET_KEY", SECRET),
        ("HALLPASS_COOKIE_NAME", "__Host-token"),
        ("HALLPASS_COOKIE_SECURE", "off"),
    ];
    assert!(Settings::resolve(&raw(&insecure)).is_err());
}
