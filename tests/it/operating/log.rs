//! The access log has its fields, whatever clients send; and docs/logs.md has each field and each warning.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[cfg(unix)]
use crate::support::{Process, Request, Upstream, held};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn document() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(root.join("docs/logs.md")).unwrap()
}

/// The access log of a request that waited behind another one, in this format.
#[cfg(unix)]
fn line_of_a_waiter(format: &str) -> String {
    let app = Upstream::start();
    app.on("/hold", held());
    let process = Process::in_front_of(&app, &format!("log: {{ format: {format} }}"));
    let mut first = process.session("a").post("/hold");
    let inside = app.arrival();
    let request = Request::post("/second?secret=1", "x".repeat(17))
        .session("a")
        .header("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01"));
    let mut second = process.session("a").send(request);
    process.until_waiting(1);
    inside.release();
    assert_eq!((first.status(), second.status()), (200, 200));
    drop((first, second));
    let (requests, _) = process.ended("TERM");
    let mut lines = requests.lines().filter(|line| line.contains("/second"));
    let line = lines.next().expect("it was logged").to_owned();
    assert_eq!(lines.next(), None);
    line
}

#[cfg(unix)]
#[test]
fn a_request_that_waited_is_logged_with_all_fields() {
    let line: serde_json::Value = serde_json::from_str(&line_of_a_waiter("json")).unwrap();
    let fields = line.as_object().unwrap();
    let names: BTreeSet<&str> = fields.keys().map(String::as_str).collect();
    let mut documented: BTreeSet<String> = documented_fields();
    assert!(documented.remove("reason"), "it was not refused");
    assert_eq!(
        names,
        documented.iter().map(String::as_str).collect(),
        "right: docs/logs.md"
    );
    assert_eq!(
        (&line["trace"], &line["bytes_in"]),
        (&TRACE.into(), &17.into())
    );
    assert_eq!(
        (&line["path"], &line["position"]),
        (&"/second".into(), &1.into())
    );
    let time = |field: &str| line[field].as_f64().unwrap();
    assert!(time("headers_ms") <= time("upstream_ms") && time("upstream_ms") <= time("total_ms"));
    assert!(time("wait_ms") > 0.0 && time("wait_ms") <= time("total_ms"));
}

#[cfg(unix)]
#[test]
fn the_same_as_text() {
    let line = line_of_a_waiter("text");
    for field in [
        " position=1 ",
        " bytes_in=17 ",
        " headers=",
        &format!(" trace={TRACE}"),
    ] {
        assert!(line.contains(field), "{field} in {line}");
    }
}

#[cfg(unix)]
#[test]
fn whatever_a_client_sends_each_request_is_one_line() {
    let app = Upstream::start();
    for format in ["text", "json"] {
        let process = Process::in_front_of(&app, &format!("log: {{ format: {format} }}"));
        let hostile = [
            ("/a%0d%0a\"}{\"x\":1", "h.test", "\"}\\u000a{"),
            ("/b\u{e9}\u{2028}' status=200", "h.test", "00-é-1"),
            ("/c\\\",\"outcome\":\"forwarded", "h.test:80", TRACE),
        ];
        for (path, host, traceparent) in hostile {
            let target = path.replace(' ', "%20");
            let head = format!(
                "GET {target} HTTP/1.1\r\nHost: {host}\r\ntraceparent: {traceparent}\r\nConnection: close\r\n\r\n"
            );
            process.connect().send(head).rest();
        }
        let (requests, _) = process.ended("TERM");
        let lines: Vec<_> = requests.lines().collect();
        assert!(lines.len() <= hostile.len(), "{requests}"); // hyper refuses some by itself
        assert!(!lines.is_empty() && requests.is_ascii(), "{requests}");
        for line in lines {
            assert!(
                !line.contains(" trace=") && !line.contains("\"trace\""),
                "{line}"
            );
            if format == "json" {
                let json: serde_json::Value = serde_json::from_str(line).unwrap();
                assert!(json.get("x").is_none() && json["method"] == "GET", "{line}");
            }
        }
    }
}

/// The names of the JSON fields in the table.
fn documented_fields() -> BTreeSet<String> {
    let text = document();
    let rows = text
        .lines()
        .skip_while(|line| !line.starts_with("| text | JSON"));
    let rows = rows.take_while(|line| line.starts_with('|')).skip(2);
    let cell = |row: &str| {
        row.split('|')
            .nth(2)
            .unwrap()
            .trim()
            .trim_matches('`')
            .to_owned()
    };
    rows.map(cell).collect()
}

/// What the product says at WARN and above: the beginning of each message, up to where a value is put in.
fn messages() -> Vec<String> {
    let mut found = Vec::new();
    for source in crate::tidy::product() {
        for (at, _) in source.code.match_indices("tracing::").filter(|(at, _)| {
            let rest = &source.code[at + "tracing::".len()..];
            rest.starts_with("warn!(") || rest.starts_with("error!(")
        }) {
            found.push(message(&source.code[at..]));
        }
    }
    found
}

/// The first text of a macro that is no field's value.
fn message(code: &str) -> String {
    let mut rest = code;
    loop {
        let (before, after) = rest.split_once('"').expect("it says something");
        let (text, behind) = after.split_once('"').expect("it ends");
        if !before.trim_end().ends_with('=') {
            return text.to_owned();
        }
        rest = behind;
    }
}

/// The words of a message that docs/logs.md begins its row with.
fn first_words(message: &str) -> String {
    let said = message.split('{').next().unwrap_or_default();
    let words: Vec<_> = said
        .split([' ', '\n', ':', ',', ';'])
        .take_while(|word| !word.is_empty())
        .collect();
    words.iter().take(4).copied().collect::<Vec<_>>().join(" ")
}

#[test]
fn each_warning_is_explained() {
    let (text, messages) = (document(), messages());
    assert!(messages.len() > 20, "{messages:?}");
    let rows: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("| "))
        .collect();
    let explained = |message: &&String| {
        let words = first_words(message);
        match words.as_str() {
            "" => ["{}", "{warning}", "{panic}"].contains(&message.as_str()), // what `onelane check` says; a bug's own words
            words => rows.iter().any(|row| row.starts_with(words)),
        }
    };
    let missing: Vec<_> = messages
        .iter()
        .filter(|message| !explained(message))
        .collect();
    assert!(missing.is_empty(), "docs/logs.md lacks {missing:#?}");
}

#[test]
fn each_explanation_is_of_a_warning() {
    let (text, messages) = (document(), messages());
    let rows = text
        .lines()
        .skip_while(|line| !line.starts_with("| it says"));
    for row in rows.take_while(|line| line.starts_with('|')).skip(3) {
        let said = row.trim_start_matches("| ").split(" | ").next().unwrap();
        let begins = said.split(" …").next().unwrap();
        let is_said = messages
            .iter()
            .any(|message| first_words(message).starts_with(begins) || message.starts_with(begins));
        assert!(is_said, "nobody says: {said}");
    }
}

#[test]
fn a_message_is_found_behind_its_fields() {
    let code =
        "tracing::warn!(\n    %error,\n    source = \"no\",\n    \"it went wrong: {error}\"\n);";
    assert_eq!(first_words(&message(code)), "it went wrong");
}
