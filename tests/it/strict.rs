//! Strict HTTP/1.1: every malformed request gets one answer, nothing doubtful is forwarded, and the table of it all in
//! `docs/malformed.md` is what this run has seen.
//!
//! With `ONELANE_WRITE_DOCS=1` in the environment the document is written instead of compared. nginx and HAProxy have to be
//! installed: a missing one fails the test with the command that installs it.

use std::fs;
use std::path::Path;

use crate::malformed::{
    Document, Ending, Outcome, Recorder, Row, TableRow, haproxy, nginx, outcomes, own_columns,
    rows, violations,
};
use crate::support::{Client, Proxy, Request, Step, Upstream, answer, chunked};

/// What Onelane did with all rows.
fn through_onelane(rows: &[Row]) -> Vec<Outcome> {
    let application = Recorder::start();
    let proxy = Proxy::in_front_of_address(application.address(), ONELANE);
    outcomes(rows, proxy.address(), &application)
}

fn through_nginx(rows: &[Row]) -> (Vec<Outcome>, String) {
    let application = Recorder::start();
    let (nginx, version) = nginx(application.address());
    (outcomes(rows, nginx.address, &application), version)
}

fn through_haproxy(rows: &[Row]) -> (Vec<Outcome>, String) {
    let application = Recorder::start();
    let (haproxy, version) = haproxy(application.address());
    (outcomes(rows, haproxy.address, &application), version)
}

#[test]
fn malformed_requests_end_as_the_table_says_and_nothing_doubtful_is_forwarded() {
    let rows = rows();
    let (onelane, (nginx, nginx_version), (haproxy, haproxy_version)) =
        std::thread::scope(|scope| {
            let nginx = scope.spawn(|| through_nginx(&rows));
            let haproxy = scope.spawn(|| through_haproxy(&rows));
            let onelane = through_onelane(&rows);
            (onelane, nginx.join().unwrap(), haproxy.join().unwrap())
        });
    let (mut table, mut found) = (Vec::new(), Vec::new());
    for (((row, onelane), nginx), haproxy) in rows.iter().zip(&onelane).zip(&nginx).zip(&haproxy) {
        found.extend(violations(row, onelane, [nginx, haproxy]));
        table.push(TableRow::new(row, [onelane, nginx, haproxy]));
    }
    let document = Document {
        nginx: nginx_version,
        haproxy: haproxy_version,
        rows: table,
    };
    compare(&document);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// The document is as committed; or it is written, when that is asked for.
#[expect(
    clippy::print_stderr,
    reason = "a comparison that is not made has to be said"
)]
#[track_caller]
fn compare(document: &Document) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/malformed.md");
    if std::env::var_os("ONELANE_WRITE_DOCS").is_some() {
        fs::create_dir_all(file.parent().expect("it has a folder")).unwrap();
        fs::write(&file, document.text()).unwrap();
        return;
    }
    let committed = fs::read_to_string(&file).expect("docs/malformed.md is committed");
    if !document.has_versions_of(&committed) {
        let (nginx, haproxy) = (&document.nginx, &document.haproxy);
        eprintln!(
            "docs/malformed.md has other versions than nginx {nginx} and HAProxy {haproxy}: \
             their columns are not compared"
        );
    }
    let differing = differences(document, &committed);
    assert!(
        differing.is_empty(),
        "docs/malformed.md is not what this run has seen; after a change that is meant, \
         ONELANE_WRITE_DOCS=1 writes it:\n{}",
        differing.join("\n")
    );
}

/// The lines that differ; without the columns of other versions of nginx and HAProxy than installed.
fn differences(document: &Document, committed: &str) -> Vec<String> {
    let text = document.text();
    let (committed, text) = match document.has_versions_of(committed) {
        true => (committed.to_owned(), text),
        false => (own_columns(committed), own_columns(&text)),
    };
    let (mut committed, mut run) = (committed.lines(), text.lines());
    let mut found = Vec::new();
    loop {
        match (committed.next(), run.next()) {
            (None, None) => return found,
            (old, new) if old == new => {}
            (Some(old), Some(new)) if is_unsettled(old) && own_columns(old) == own_columns(new) => {
            }
            (old, new) => {
                let (old, new) = (old.unwrap_or("nothing"), new.unwrap_or("nothing"));
                found.push(format!("committed: {old}\nthis run:  {new}"));
            }
        }
    }
}

/// Whether what others do with this row is not the same each time.
fn is_unsettled(line: &str) -> bool {
    UNSETTLED.iter().any(|name| line.starts_with(name))
}

#[test]
fn a_change_of_the_document_is_noticed_in_every_column_of_the_same_versions() {
    let row = rows().remove(0);
    let outcome = |ending| Outcome {
        answers: Vec::new(),
        ending,
        forwarded: Vec::new(),
    };
    let (kept, closed) = (outcome(Ending::Kept), outcome(Ending::Closed));
    let document = |nginx: &str, outcomes| Document {
        nginx: nginx.to_owned(),
        haproxy: "2".to_owned(),
        rows: vec![TableRow::new(&row, outcomes)],
    };
    let committed = document("1", [&kept, &kept, &kept]).text();
    let differ = |nginx, outcomes| differences(&document(nginx, outcomes), &committed).len();
    assert_eq!(differ("1", [&kept, &kept, &kept]), 0);
    assert_eq!(differ("1", [&closed, &kept, &kept]), 1);
    assert_eq!(differ("1", [&kept, &closed, &kept]), 1);
    assert_eq!(differ("1", [&kept, &kept, &closed]), 1);
    assert_eq!(differ("9", [&kept, &closed, &closed]), 0);
    assert_eq!(differ("9", [&closed, &kept, &kept]), 1);
}

#[test]
fn what_others_do_now_so_and_now_so_is_no_change_of_the_document_and_what_onelane_does_is() {
    let unsettled = |row: &Row| is_unsettled(&format!("| {} |", row.name));
    let row = rows()
        .into_iter()
        .find(unsettled)
        .expect("there is such a row");
    let outcome = |ending| Outcome {
        answers: Vec::new(),
        ending,
        forwarded: Vec::new(),
    };
    let (kept, closed) = (outcome(Ending::Kept), outcome(Ending::Closed));
    let document = |outcomes| Document {
        nginx: "1".to_owned(),
        haproxy: "2".to_owned(),
        rows: vec![TableRow::new(&row, outcomes)],
    };
    let committed = document([&kept, &kept, &kept]).text();
    let differ = |outcomes| differences(&document(outcomes), &committed).len();
    assert_eq!(differ([&kept, &kept, &closed]), 0);
    assert_eq!(differ([&closed, &kept, &kept]), 1);
}

/// The control: with nothing in between, the same rules find what a proxy is there to prevent.
#[test]
fn the_rules_find_what_goes_through_unchecked() {
    let rows: Vec<Row> = rows()
        .into_iter()
        .filter(|row| UNCHECKED.iter().any(|(name, _)| row.name.starts_with(name)))
        .collect();
    assert_eq!(rows.len(), UNCHECKED.len());
    let application = Recorder::start();
    let direct = outcomes(&rows, application.address(), &application);
    for (row, outcome) in rows.iter().zip(&direct) {
        let refused = Outcome {
            answers: Vec::new(),
            ending: Ending::Closed,
            forwarded: Vec::new(),
        };
        let found = violations(row, outcome, [&refused, &refused]).join("\n");
        let (_, expected) = UNCHECKED
            .iter()
            .find(|(name, _)| row.name.starts_with(name))
            .expect("it was chosen by it");
        assert!(found.contains(expected), "{}: {found}", row.name);
        assert!(
            found.contains("both refuse") || found.contains("HAProxy refuse"),
            "{found}"
        );
    }
}

/// The `detail` of the refusal of these bytes, for programs and operators.
#[track_caller]
fn detail(proxy: &Proxy, bytes: &str) -> String {
    let response = proxy.connect().send(bytes).response();
    assert!((400..502).contains(&response.status), "{bytes:?}");
    let text = response.text();
    let (_, after) = text
        .split_once("\"detail\":\"")
        .expect("a problem has its detail");
    let (detail, _) = after.split_once('"').expect("it ends");
    detail.to_owned()
}

#[test]
fn a_refusal_says_which_rule_the_request_broke() {
    let app = Upstream::start();
    let proxy = Proxy::in_front_of(&app, "");
    let get = |lines: &str| format!("GET / HTTP/1.1\r\nHost: a.test\r\n{lines}\r\n");
    let post = |body: &str| {
        let lines = "Host: a.test\r\nCookie: sid=a\r\nTransfer-Encoding: chunked";
        format!("POST / HTTP/1.1\r\n{lines}\r\n\r\n{body}")
    };
    for (bytes, expected) in [
        (
            "GET / HTTP/1.1\r\n\r\n".to_owned(),
            "The request has no Host field.",
        ),
        (get("Host: a.test\r\n"), "The request has two Host fields."),
        (
            get("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
            "The request has two Transfer-Encoding fields.",
        ),
        (
            get("").replace("a.test", "a.test:x"),
            "The Host field is not a host with an optional port.",
        ),
        (
            get("").replace("GET /", "GET ftp://a.test/"),
            "The scheme of the target is neither http nor https.",
        ),
        (
            get("").replace("GET /", "GET *"),
            "The target * is for OPTIONS alone.",
        ),
        (
            post("zz\r\n"),
            "The framing of the request body is invalid.",
        ),
    ] {
        assert_eq!(detail(&proxy, &bytes), expected, "{bytes:?}");
    }
    assert_eq!(app.arrived(), 0);
}

/// A client of HTTP/1.0, which knows no chunks.
fn old_client(proxy: &Proxy, lines: &str) -> Client {
    let mut client = proxy.connect();
    client.send(format!("GET /x HTTP/1.0\r\nHost: a.test\r\n{lines}\r\n"));
    client
}

#[test]
fn a_client_of_http_1_0_gets_no_chunks_and_is_kept_only_if_it_asks() {
    let app = Upstream::start();
    app.on("*", [Step::ReadBody, Step::Send(chunked(&["one ", "two"]))]);
    let proxy = Proxy::in_front_of(&app, "");
    for lines in ["", "Connection: keep-alive\r\n"] {
        let mut client = old_client(&proxy, lines);
        let response = client.response();
        assert_eq!(response.text(), "one two");
        assert_eq!(response.header("transfer-encoding"), None);
        client.closed(); // the only end that such a body has
    }
    app.on("*", [Step::ReadBody, Step::Send(answer(200, "ok"))]);
    let mut client = old_client(&proxy, "Connection: keep-alive\r\n");
    assert_eq!(client.response().status, 200);
    assert_eq!(client.call(&Request::get("/y")).status, 200, "it is kept");
    old_client(&proxy, "").response();
}

/// Rows, and what a proxy that checks nothing would do wrong.
const UNCHECKED: [(&str, &str); 5] = [
    ("`Content-Length: 4` before", "malformed: framing"),
    ("`Transfer-Encoding: gzip, chunked`", "malformed: framing"),
    ("`Host`, twice differing", "malformed: Host"),
    ("`X_Forwarded_For", "x_forwarded_for is forwarded"),
    ("NUL in a value", "malformed: header line"),
];

/// Rows where HAProxy's answer depends on how many reads the request takes: 400, or 504 after it has begun to forward it.
const UNSETTLED: [&str; 1] = ["| an extension of 20 kB "];

/// As little as it runs with, and short times for what never ends.
const ONELANE: &str = "limits: { header_timeout: 2s, body_idle_timeout: 2s }";
