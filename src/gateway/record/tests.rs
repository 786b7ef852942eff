//! What a line looks like, and what can never be in it.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::UNIX_EPOCH;

use proptest::prelude::*;

use super::line::{is_plain, is_safe_in_text};
use super::*;

/// What was written, call by call.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<String>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .unwrap()
            .push(String::from_utf8(bytes.to_vec()).unwrap());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn record() -> Record<'static> {
    Record {
        at: UNIX_EPOCH + Duration::from_millis(1_795_255_200_007),
        request_id: b"r-1",
        client: Cow::Borrowed(b"192.0.2.7"),
        method: &Method::POST,
        host: b"shop.example",
        path: Cow::Borrowed("/checkout.aspx"),
        status: Some(StatusCode::OK),
        outcome: Outcome::Forwarded,
        route: "/checkout*",
        access: Access::Write,
        session: None,
        position: 2,
        behind: Some("/slow*"),
        wait: Duration::from_nanos(12_345_678),
        hold: Some(Duration::from_secs(1)),
        upstream: Some(Duration::from_micros(999_500)),
        headers: Some(Duration::from_micros(800_001)),
        total: Duration::from_millis(1013),
        bytes_in: 17,
        bytes_out: 4096,
        trace: TraceId::from_hex("4bf92f3577b34da6a3ce929d0e0e4736").ok(),
    }
}

fn lines(format: LineFormat, records: Vec<Record<'static>>) -> Vec<String> {
    let written = Written::default();
    let log = AccessLog::new(format, written.clone());
    records.into_iter().for_each(|record| log.write(|| record));
    std::mem::take(&mut *written.0.lock().unwrap())
}

#[test]
fn a_text_line_has_every_field() {
    assert_eq!(
        lines(LineFormat::Text, vec![record()]),
        [
            "2026-11-21T10:00:00.007Z 192.0.2.7 POST shop.example /checkout.aspx 200 forwarded route=/checkout* \
          access=write position=2 behind=/slow* wait=12.345ms hold=1000.000ms upstream=999.500ms headers=800.001ms \
          total=1013.000ms bytes_in=17 bytes=4096 id=r-1 trace=4bf92f3577b34da6a3ce929d0e0e4736\n"
        ]
    );
}

#[test]
fn a_json_line_has_every_field() {
    assert_eq!(
        lines(LineFormat::Json, vec![record()]),
        [concat!(
            r#"{"time":"2026-11-21T10:00:00.007Z","id":"r-1","client":"192.0.2.7","method":"POST","#,
            r#""host":"shop.example","path":"/checkout.aspx","status":200,"outcome":"forwarded","#,
            r#""route":"/checkout*","access":"write","position":2,"behind":"/slow*","wait_ms":12.345,"hold_ms":1000.0,"#,
            r#""upstream_ms":999.5,"headers_ms":800.001,"total_ms":1013.0,"bytes_in":17,"bytes":4096,"#,
            r#""trace":"4bf92f3577b34da6a3ce929d0e0e4736"}"#,
            "\n"
        )]
    );
}

#[test]
fn a_refused_request_has_its_reason_and_what_it_did_not_reach_is_left_out() {
    let refused = || Record {
        outcome: Outcome::Refused(Reason::QueueFull),
        status: Some(StatusCode::SERVICE_UNAVAILABLE),
        hold: None,
        upstream: None,
        headers: None,
        trace: None,
        ..record()
    };
    let text = &lines(LineFormat::Text, vec![refused()])[0];
    assert!(
        text.contains(" 503 refused reason=queue_full route="),
        "{text}"
    );
    assert!(
        ["hold=", "upstream=", "headers=", "trace="]
            .iter()
            .all(|field| !text.contains(field)),
        "{text}"
    );
    let json: serde_json::Value =
        serde_json::from_str(&lines(LineFormat::Json, vec![refused()])[0]).unwrap();
    assert_eq!(
        (&json["outcome"], &json["reason"]),
        (&"refused".into(), &"queue_full".into())
    );
    assert!(
        ["hold_ms", "upstream_ms", "headers_ms", "trace"]
            .iter()
            .all(|field| json.get(field).is_none()),
        "{json}"
    );
}

#[test]
fn who_got_no_answer_has_no_status() {
    let gone = || Record {
        status: None,
        outcome: Outcome::ClientGoneWaiting,
        ..record()
    };
    let text = &lines(LineFormat::Text, vec![gone()])[0];
    assert!(
        text.contains("/checkout.aspx - client_gone_waiting route="),
        "{text}"
    );
    let json: serde_json::Value =
        serde_json::from_str(&lines(LineFormat::Json, vec![gone()])[0]).unwrap();
    assert!(json.get("status").is_none(), "{json}");
}

#[test]
fn no_path_host_route_or_id_breaks_a_line_or_forges_a_field() {
    let hostile = "a\r\n2026 \"x\\\" status=200\t\u{0}\u{7f}\u{85}\u{2028}é\u{1F600}\u{1b}[31m";
    let method = Method::from_bytes(b"G|ET").unwrap();
    let innocent = lines(LineFormat::Text, vec![record()]);
    for format in [LineFormat::Json, LineFormat::Text] {
        let written = Written::default();
        AccessLog::new(format, written.clone()).write(|| Record {
            path: Cow::Borrowed(hostile),
            host: hostile.as_bytes(),
            route: hostile,
            request_id: hostile.as_bytes(),
            behind: Some(hostile),
            method: &method,
            ..record()
        });
        let lines = std::mem::take(&mut *written.0.lock().unwrap());
        let line = lines[0].strip_suffix('\n').unwrap();
        assert!(line.chars().all(is_plain), "{line}");
        if format == LineFormat::Text {
            assert_eq!(
                line.split(' ').count(),
                innocent[0].split(' ').count(),
                "{line}"
            );
        } else {
            let json: serde_json::Value = serde_json::from_str(line).unwrap();
            for field in ["path", "host", "route", "id", "behind"] {
                assert_eq!(json[field], hostile, "{field}");
            }
        }
    }
}

#[test]
fn a_method_never_needs_an_escape() {
    for byte in 0..=u8::MAX {
        let method = Method::from_bytes(&[byte]);
        assert!(method.is_err() || is_safe_in_text(byte), "{byte}");
    }
}

#[test]
fn an_empty_value_keeps_its_place_in_a_text_line() {
    let text = &lines(
        LineFormat::Text,
        vec![Record {
            host: b"",
            ..record()
        }],
    )[0];
    assert!(text.contains(" POST - /checkout.aspx 200 "), "{text}");
}

#[test]
fn each_line_is_one_call_and_starts_afresh() {
    let long = Record {
        path: Cow::Owned("/x".repeat(2000)),
        ..record()
    };
    let lines = lines(LineFormat::Text, vec![long, record()]);
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[1], self::lines(LineFormat::Text, vec![record()])[0]);
}

#[test]
fn a_log_that_is_off_does_not_even_make_the_record() {
    let mut made = 0;
    let mut make = || {
        made += 1;
        record()
    };
    AccessLog::off().write(&mut make);
    AccessLog::new(LineFormat::Text, io::sink()).write(&mut make);
    assert_eq!(made, 1);
}

#[test]
fn a_writer_that_fails_stops_nothing() {
    struct Broken;
    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::from(io::ErrorKind::BrokenPipe))
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let log = AccessLog::new(LineFormat::Json, Broken);
    let mut made = 0;
    for _ in 0..2 {
        log.write(|| {
            made += 1;
            record()
        });
    }
    assert_eq!(made, 2);
}

#[test]
fn the_labels_of_outcomes_and_accesses_are_in_the_order_of_their_indices() {
    assert_eq!(Outcome::Refused(Reason::Draining).label(), "refused");
    assert_eq!(Outcome::Forwarded.label(), "forwarded");
    assert_eq!(
        Outcome::PassedWithoutSession.label(),
        "passed_without_session"
    );
    assert_eq!(
        [Access::None, Access::Read, Access::Write].map(|access| ACCESS_LABELS[access as usize]),
        ACCESS_LABELS
    );
}

proptest! {
    #[test]
    fn whatever_a_value_holds_a_json_line_says_it(value: String, bytes: Vec<u8>) {
        let written = Written::default();
        AccessLog::new(LineFormat::Json, written.clone()).write(|| Record {
            request_id: &bytes,
            client: Cow::Borrowed(b"192.0.2.7"),
            host: value.as_bytes(),
            path: Cow::Borrowed(&value),
            route: &value,
            behind: Some(&value),
            ..record()
        });
        let lines = std::mem::take(&mut *written.0.lock().unwrap());
        let line = lines[0].strip_suffix('\n').unwrap();
        prop_assert!(line.chars().all(is_plain), "{}", line);
        let json: serde_json::Value = serde_json::from_str(line).unwrap();
        for field in ["host", "path", "route", "behind"] {
            prop_assert_eq!(&json[field], &value, "{}", field);
        }
        prop_assert_eq!(json["id"].as_str(), Some(&*String::from_utf8_lossy(&bytes)));
    }

    #[test]
    fn whatever_a_value_holds_a_text_line_has_its_fields(value in "\\PC*|.*|[ -~]*", bytes: Vec<u8>) {
        let written = Written::default();
        AccessLog::new(LineFormat::Text, written.clone()).write(|| Record {
            request_id: &bytes,
            host: value.as_bytes(),
            path: Cow::Borrowed(&value),
            route: &value,
            behind: Some(&value),
            ..record()
        });
        let innocent = lines(LineFormat::Text, vec![record()]);
        let lines = std::mem::take(&mut *written.0.lock().unwrap());
        let line = lines[0].strip_suffix('\n').unwrap();
        prop_assert!(line.chars().all(is_plain), "{}", line);
        prop_assert_eq!(line.split(' ').count(), innocent[0].split(' ').count());
    }

    #[test]
    fn what_is_said_of_a_wait_is_the_same_however_short_it_was(
        position in 0..2_usize,
        behind in any::<bool>(),
        micros in 0..2_u64,
    ) {
        let waited = || Record {
            position,
            behind: behind.then_some("/slow*"),
            wait: Duration::from_micros(micros),
            ..record()
        };
        let (text, json) = match behind {
            true => (" behind=/slow*", r#","behind":"/slow*""#),
            false => ("", ""),
        };
        let text = format!(" position={position}{text} wait=0.00{micros}ms hold=");
        let wait = ["0.0", "0.001"][usize::try_from(micros).unwrap()];
        let json = format!(r#","position":{position}{json},"wait_ms":{wait},"hold_ms":"#);
        for (format, part) in [(LineFormat::Text, text), (LineFormat::Json, json)] {
            let line = &lines(format, vec![waited()])[0];
            prop_assert!(line.contains(&part), "{}: {}", line, part);
        }
    }

    #[test]
    fn milliseconds_are_what_serde_json_makes_of_the_float(micros in prop_oneof![0..5_000_000_u64, 0..MICROS_OF_YEARS]) {
        let record = || Record { total: Duration::from_micros(micros), ..record() };
        let float = serde_json::to_string(&(micros as f64 / 1000.0)).unwrap();
        let json = &lines(LineFormat::Json, vec![record()])[0];
        prop_assert!(json.contains(&format!(r#""total_ms":{float},"#)), "{}: {}", float, json);
        let text = &lines(LineFormat::Text, vec![record()])[0];
        let (whole, decimals) = (micros / 1000, micros % 1000);
        prop_assert!(text.contains(&format!(" total={whole}.{decimals:03}ms ")), "{}", text);
    }
}

/// Fifteen digits, as a float has them for certain: 31 years.
const MICROS_OF_YEARS: u64 = 1_000_000_000_000_000;
