//! Lines as they are written: what people and programs read, and what strangers try to make of them.

use jiff::Timestamp;
use log::{Level, Record, kv::Value};
use serde_json::{Value as JsonValue, json};

use crate::{cli::logging::line::write_line, config::log_format::LogFormat};

fn written(target: &str, message: &str, values: &[(&str, Value<'_>)], format: LogFormat) -> String {
    let mut line = Vec::new();
    let mut record = Record::builder();
    let record = record.level(Level::Info).target(target).key_values(&values);
    write_line(&mut line, &record.args(format_args!("{message}")).build(), format).unwrap();
    String::from_utf8(line).unwrap()
}

/// What a text line says behind its time.
fn text(target: &str, message: &str, values: &[(&str, Value<'_>)]) -> String {
    let line = written(target, message, values, LogFormat::Text);
    let (time, rest) = line.split_once(' ').unwrap();
    assert_eq!((time.len(), time.parse::<Timestamp>().is_ok()), (24, true), "{time}");
    rest.to_owned()
}

/// What a JSON line says beside its time.
fn json(target: &str, message: &str, values: &[(&str, Value<'_>)]) -> JsonValue {
    let line = written(target, message, values, LogFormat::Json);
    assert_eq!(line.find('\n'), Some(line.len() - 1), "{line}");
    let mut json: JsonValue = serde_json::from_str(&line).unwrap();
    let time = json.as_object_mut().unwrap().shift_remove("time").unwrap();
    assert!(time.as_str().unwrap().parse::<Timestamp>().is_ok(), "{time}");
    json
}

#[test]
fn a_request_is_written_briefly_for_people_and_with_names_for_programs() {
    let values = [
        ("method", Value::from("GET")),
        ("path", "/login".into()),
        ("status", 200u16.into()),
        ("duration_ms", 1234.5678.into()),
        ("peer", "127.0.0.1".into()),
        ("request_id", "x".into()),
    ];
    let said = "INFO  access GET /login 200 duration_ms=1234.568 peer=127.0.0.1 request_id=x\n";
    assert_eq!(text("access", "request", &values), said);
    let members = json!({
        "level": "INFO", "target": "access", "message": "request", "method": "GET", "path": "/login",
        "status": 200, "duration_ms": 1234.568, "peer": "127.0.0.1", "request_id": "x",
    });
    assert_eq!(json("access", "request", &values), members);
}

#[test]
fn an_event_is_named_and_absent_values_are_left_out() {
    let values = [
        ("sub", Value::from("a")),
        ("key_id", Value::null()),
        ("good", true.into()),
        ("deferred", true.into()),
    ];
    assert_eq!(text("audit", "login", &values), "INFO  audit login sub=a key_id=- good=true\n");
    let members = json!({
        "level": "INFO", "target": "audit", "message": "login", "event": "login", "sub": "a", "good": true,
    });
    assert_eq!(json("audit", "login", &values), members);
}

#[test]
fn nothing_that_a_stranger_chose_forges_a_line_or_a_value() {
    let forged =
        "x sub=admin\",\"sub\":\"admin\n2026-01-01T00:00:00Z INFO audit login\u{1b}[31m\u{9b}1m";
    let shown: &dyn std::fmt::Display = &forged;
    let values = [
        ("path", Value::from(forged)),
        ("reason", Value::from_dyn_display(shown)),
        ("sub", "a".into()),
    ];
    let line = text("audit", forged, &values);
    assert_eq!(line.matches('\n').count(), 1, "{line}");
    assert!(!line.trim_end().contains(char::is_control), "{line:?}");
    let escaped = serde_json::to_string(forged).unwrap().replace('\u{9b}', "\\u009b");
    assert!(line.ends_with(&format!(" {escaped} reason={escaped} sub=a\n")), "{line}");
    let json = json("audit", forged, &values);
    assert_eq!((&json["path"], &json["reason"]), (&forged.into(), &forged.into()));
    assert_eq!((&json["message"], &json["sub"]), (&forged.into(), &"a".into()));
}
