//! What is fetched and what is not, against a provider on loopback.

use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use super::*;

use crate::{oauth::ProviderUrl, tokens::external::fetch::FetchError};

const LIMIT: Duration = Duration::from_secs(5);

/// A provider that answers each path with what the test says, and remembers what was asked for.
struct Provider {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

type Answer = Box<dyn Fn(&str, &str) -> String + Send>;

impl Provider {
    /// `answer` takes the provider's address and a path, and gives the whole response.
    fn start(answer: Answer) -> Self {
        let path = |head: &str| head.split(' ').nth(1).unwrap_or_default().to_owned();
        Self::start_with_heads(Box::new(move |url, head| answer(url, &path(head))))
    }

    /// The same with the whole head of the request instead of the path.
    fn start_with_heads(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let provider = Self { url: url.clone(), asked: Arc::clone(&asked) };
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    if stream.read(&mut byte).unwrap_or(0) == 0 {
                        break;
                    }
                    head.push(byte[0]);
                }
                let head = String::from_utf8_lossy(&head).into_owned();
                let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                asked.lock().unwrap().push(path);
                let _ = stream.write_all(answer(&url, &head).as_bytes());
            }
        });
        provider
    }

    fn fetch(&self) -> Result<usize, FetchError> {
        self.fetch_within(LIMIT)
    }

    fn fetch_within(&self, limit: Duration) -> Result<usize, FetchError> {
        fetch::keys(&ProviderUrl::parse(&self.url).unwrap(), limit).map(|keys| keys.len())
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

const DISCOVERY: &str = "/.well-known/openid-configuration";

fn response(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    )
}

fn json_response(body: &str) -> String {
    response("200 OK", "Content-Type: application/json; charset=utf-8\r\n", body)
}

fn discovery(url: &str) -> Value {
    json!({ "issuer": url, "jwks_uri": format!("{url}/keys"), "token_endpoint": 7 })
}

/// A good provider but for what `odd` says.
fn provider(odd: impl Fn(&str, &str) -> Option<String> + Send + 'static) -> Provider {
    let keys = set(&[Signer::ed().jwk("k")]);
    Provider::start(Box::new(move |url, path| {
        odd(url, path).unwrap_or_else(|| match path {
            DISCOVERY => json_response(&discovery(url).to_string()),
            "/keys" => json_response(&keys),
            _ => response("404 Not Found", "", ""),
        })
    }))
}

fn odd_at(place: &'static str, answer: String) -> Provider {
    provider(move |_, path| (path == place).then(|| answer.clone()))
}

#[test]
fn discovery_leads_to_the_keys() {
    let provider = provider(|_, _| None);
    assert_eq!(provider.fetch(), Ok(1));
    assert_eq!(provider.asked(), [DISCOVERY, "/keys"]);
}

#[test]
fn a_provider_may_insist_on_the_type_of_a_jwk_set() {
    let provider = Provider::start_with_heads(Box::new(|url, head| match head.split(' ').nth(1) {
        Some(DISCOVERY) => json_response(&discovery(url).to_string()),
        _ if head.to_ascii_lowercase().contains("application/jwk-set+json") => {
            let kind = "Content-Type: application/jwk-set+json\r\n";
            response("200 OK", kind, &set(&[Signer::ed().jwk("k")]))
        }
        _ => response("406 Not Acceptable", "", ""),
    }));
    assert_eq!(provider.fetch(), Ok(1));
}

#[test]
fn no_redirect_is_followed() {
    for place in [DISCOVERY, "/keys"] {
        for status in ["301 Moved Permanently", "302 Found", "307 Temporary Redirect"] {
            let provider = odd_at(place, response(status, "Location: /elsewhere\r\n", ""));
            assert!(matches!(provider.fetch(), Err(FetchError::Status { .. })), "{place} {status}");
            assert_eq!(provider.asked().last().unwrap(), place);
        }
    }
}

#[test]
fn another_status_than_200_is_refused() {
    for status in ["201 Created", "204 No Content", "404 Not Found", "500 Internal Server Error"] {
        for place in [DISCOVERY, "/keys"] {
            let headers = "Content-Type: application/json\r\n";
            let provider = odd_at(place, response(status, headers, "{\"keys\":[]}"));
            assert!(matches!(provider.fetch(), Err(FetchError::Status { .. })), "{place} {status}");
        }
    }
}

#[test]
fn more_than_a_mebibyte_is_refused_announced_or_not() {
    let large = |size| format!("{{\"keys\":[],\"x\":\"{}\"}}", "x".repeat(size));
    let too_large = json_response(&large(1 << 20));
    let unannounced =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n";
    let fault = |answer: String| odd_at("/keys", answer).fetch();
    assert!(matches!(fault(too_large), Err(FetchError::TooLarge(_))));
    let unannounced = format!("{unannounced}{}", large(1 << 20));
    assert!(matches!(fault(unannounced), Err(FetchError::TooLarge(_))));
    assert_eq!(fault(json_response(&large((1 << 20) - 100))), Ok(0));
}

#[test]
fn json_is_read_under_any_content_type_and_nothing_else_is() {
    let keys = "{\"keys\":[]}";
    for kind in ["application/json", "application/jwk-set+json", "text/plain", "text/html", "x"] {
        let headers = format!("Content-Type: {kind}\r\n");
        assert_eq!(odd_at("/keys", response("200 OK", &headers, keys)).fetch(), Ok(0), "{kind}");
    }
    assert_eq!(odd_at("/keys", response("200 OK", "", keys)).fetch(), Ok(0));
    let page = response("200 OK", "Content-Type: application/json\r\n", "<!doctype html>");
    assert!(matches!(odd_at("/keys", page).fetch(), Err(FetchError::Unreadable { .. })));
    for body in ["", "{", "[]", "null", "{\"keys\":{}}", "{\"keys\":[],\"keys\":[]}", "{}"] {
        for place in [DISCOVERY, "/keys"] {
            let provider = odd_at(place, json_response(body));
            assert!(
                matches!(provider.fetch(), Err(FetchError::Unreadable { .. })),
                "{place} {body}"
            );
        }
    }
}

#[test]
fn discovery_must_describe_exactly_the_configured_issuer() {
    for change in [|url: &str| format!("{url}/"), |_: &str| "https://other.test".to_owned()] {
        let provider = provider(move |url, path| {
            let mut lie = discovery(url);
            lie["issuer"] = change(url).into();
            (path == DISCOVERY).then(|| json_response(&lie.to_string()))
        });
        assert!(matches!(provider.fetch(), Err(FetchError::OtherIssuer { .. })));
        assert_eq!(provider.asked(), [DISCOVERY]);
    }
}

#[test]
fn the_keys_must_be_at_an_allowed_address() {
    for address in [
        "http://example.com/keys",
        "file:///etc/passwd",
        "/keys",
        "https://user@example.com/keys",
        "http://localhost.example.com/keys",
        "",
    ] {
        let provider = provider(move |url, path| {
            let lie = json!({ "issuer": url, "jwks_uri": address });
            (path == DISCOVERY).then(|| json_response(&lie.to_string()))
        });
        let fault = FetchError::KeysAddress(address.to_owned());
        assert_eq!(provider.fetch(), Err(fault));
    }
}

#[test]
fn an_issuer_far_away_cannot_send_us_to_our_own_loopback() {
    let leads = |issuer: &str, keys: &str| {
        fetch::keys_address(&ProviderUrl::parse(issuer).unwrap(), keys.to_owned()).is_ok()
    };
    assert!(leads("https://a.test", "https://b.test/keys?x=1"));
    assert!(leads("http://localhost:1", "http://127.0.0.1:2/keys"));
    assert!(!leads("https://a.test", "http://127.0.0.1/keys"));
}

#[test]
fn everything_together_must_be_quick() {
    for place in [DISCOVERY, "/keys"] {
        let provider = provider(move |_, path| {
            if path == place {
                thread::sleep(Duration::from_secs(2));
            }
            None
        });
        let started = Instant::now();
        let fetched = provider.fetch_within(Duration::from_millis(300));
        assert!(matches!(fetched, Err(FetchError::Unreachable { .. })), "{place}");
        assert!(started.elapsed() < Duration::from_millis(1500), "{place}");
    }
    let slow_both = provider(|_, _| {
        thread::sleep(Duration::from_millis(250));
        None
    });
    let fetched = slow_both.fetch_within(Duration::from_millis(400));
    assert!(matches!(fetched, Err(FetchError::Unreachable { .. })), "the limit is for both");
}

#[test]
fn a_provider_that_is_down_is_a_fault_and_no_panic() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = ProviderUrl::parse(&format!("http://{closed}")).unwrap();
    assert!(matches!(fetch::keys(&url, LIMIT), Err(FetchError::Unreachable { .. })));
    let speaks_no_tls = ProviderUrl::parse(&provider(|_, _| None).url.replace("http:", "https:"));
    let fetched = fetch::keys(&speaks_no_tls.unwrap(), LIMIT);
    assert!(matches!(fetched, Err(FetchError::Unreachable { .. })));
}
