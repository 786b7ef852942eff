//! Strict HTTP/1.1: every malformed request gets one answer, nothing doubtful is forwarded, and the table of it all in
//! `docs/malformed.md` is what this run has seen.

use std::fs;
use std::path::Path;

use crate::malformed::{
    Document, Ending, Outcome, Recorder, Row, TableRow, haproxy, nginx, outcomes, own_columns,
    rows, violations,
};
use crate::support::Proxy;

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
#[expect(clippy::print_stderr, reason = "a comparison that is not made has to be said")]
#[track_caller]
fn compare(document: &Document) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/malformed.md");
    let text = document.text();
    if std::env::var_os("ONELANE_WRITE_DOCS").is_some() {
        fs::create_dir_all(file.parent().expect("it has a folder")).unwrap();
        fs::write(&file, text).unwrap();
        return;
    }
    let committed = fs::read_to_string(&file).expect("docs/malformed.md is committed");
    let (committed, text) = if document.has_versions_of(&committed) {
        (committed, text)
    } else {
        let (nginx, haproxy) = (&document.nginx, &document.haproxy);
        eprintln!("not compared, as docs/malformed.md has other versions: nginx {nginx}, HAProxy {haproxy}");
        (own_columns(&committed), own_columns(&text))
    };
    let differing: Vec<String> = committed
        .lines()
        .zip(text.lines())
        .filter(|(committed, run)| committed != run)
        .map(|(committed, run)| format!("committed: {committed}\nthis run:  {run}"))
        .collect();
    assert!(
        differing.is_empty() && committed.lines().count() == text.lines().count(),
        "docs/malformed.md is not what this run has seen; after a change that is meant, \
         ONELANE_WRITE_DOCS=1 writes it:\n{}",
        differing.join("\n")
    );
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
        assert!(found.contains("both refuse") || found.contains("HAProxy refuse"), "{found}");
    }
}

/// Rows, and what a proxy that checks nothing would do wrong.
const UNCHECKED: [(&str, &str); 5] = [
    ("`Content-Length: 4` before", "malformed: framing"),
    ("`Transfer-Encoding: gzip, chunked`", "malformed: framing"),
    ("`Host`, twice differing", "malformed: Host"),
    ("`X_Forwarded_For", "x_forwarded_for is forwarded"),
    ("NUL in a value", "malformed: header line"),
];

/// As little as it runs with, and short times for what never ends.
const ONELANE: &str = "limits: { header_timeout: 2s, body_idle_timeout: 2s }";
