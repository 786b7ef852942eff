//! The table as a Markdown document, and what of an older document can be compared with it.

use std::fmt::Write;

use super::outcome::{Ending, Outcome};
use super::recorder::Message;
use super::rows;
use super::rules::EXCEPTIONS;

/// The document of one run.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) nginx: String,
    pub(crate) haproxy: String,
    pub(crate) rows: Vec<Row>,
}

/// One line of the table.
#[derive(Debug)]
pub(crate) struct Row {
    group: &'static str,
    name: String,
    onelane: String,
    nginx: String,
    haproxy: String,
    note: &'static str,
}

impl Row {
    pub(crate) fn new(row: &rows::Row, [onelane, nginx, haproxy]: [&Outcome; 3]) -> Self {
        Self {
            group: row.group,
            name: row.name.clone(),
            onelane: cell(row, onelane),
            nginx: cell(row, nginx),
            haproxy: cell(row, haproxy),
            note: row.note,
        }
    }
}

impl Document {
    /// The whole text.
    pub(crate) fn text(&self) -> String {
        let mut text = INTRODUCTION.to_owned();
        let mut group = "";
        for row in &self.rows {
            if row.group != group {
                group = row.group;
                let (nginx, haproxy) = (&self.nginx, &self.haproxy);
                write!(
                    text,
                    "\n## {group}\n\n| request | Onelane | nginx {nginx} | HAProxy {haproxy} | rule |\n|---|---|---|---|---|\n"
                )
                .expect("a String takes all");
            }
            let cells = [&row.name, &row.onelane, &row.nginx, &row.haproxy, row.note];
            let cells = cells.map(|cell| cell.replace('|', "\\|"));
            writeln!(text, "| {} |", cells.join(" | ")).expect("a String takes all");
        }
        text.push_str(
            "\n## Exceptions\n\nnginx and HAProxy refuse these, and Onelane forwards them:\n\n",
        );
        for (name, reason) in EXCEPTIONS {
            writeln!(text, "- {name}: {reason}.").expect("a String takes all");
        }
        text
    }

    /// Whether `text` was made with the same versions of nginx and HAProxy.
    pub(crate) fn has_versions_of(&self, text: &str) -> bool {
        text.contains(&format!(
            "nginx {} | HAProxy {} |",
            self.nginx, self.haproxy
        ))
    }
}

/// `text` without the two columns that depend on the versions of other programs.
pub(crate) fn own_columns(text: &str) -> String {
    let own = |line: &str| {
        let cells: Vec<&str> = line.split(" | ").collect();
        match cells.as_slice() {
            [name, onelane, _, _, note] => format!("{name} | {onelane} | {note}"),
            _ => line.to_owned(),
        }
    };
    text.lines().map(own).collect::<Vec<_>>().join("\n")
}

fn cell(row: &rows::Row, outcome: &Outcome) -> String {
    let statuses: Vec<String> = outcome
        .answers
        .iter()
        .map(|answer| match answer.status {
            0 => "a body without a header".to_owned(),
            status => status.to_string(),
        })
        .collect();
    let ending = match outcome.ending {
        Ending::Closed => "closed",
        Ending::Hung => "hangs",
        Ending::Kept => "kept",
    };
    let mut cell = match statuses.as_slice() {
        [] => ending.to_owned(),
        statuses => format!("{}, {ending}", statuses.join(" + ")),
    };
    for message in &outcome.forwarded {
        cell.push_str("; ");
        cell.push_str(&told(row, message));
    }
    cell
}

/// What was forwarded, as far as it matters.
fn told(row: &rows::Row, message: &Message) -> String {
    let mut told = match (&message.problem, message.whole) {
        (Some(problem), _) => format!("**forwarded malformed**: {}", code(problem)),
        (None, true) => "forwarded".to_owned(),
        (None, false) => "begun and broken off".to_owned(),
    };
    let mut shown = Vec::new();
    if !row.bytes.starts_with(message.line.as_bytes()) {
        shown.push(code(&message.line));
    }
    for name in row.watch {
        shown.extend(
            message
                .all(name)
                .iter()
                .map(|value| code(&format!("{name}: {value}"))),
        );
    }
    match shown.as_slice() {
        [] if row.watch.is_empty() => {}
        [] => told.push_str(" without it"),
        shown => {
            told.push_str(": ");
            told.push_str(&shown.join(", "));
        }
    }
    told
}

/// As code, without what would break the table, and not too long.
fn code(text: &str) -> String {
    let mut text = text.escape_default().to_string();
    if text.len() > LONGEST {
        text.truncate(LONGEST);
        text.push_str("...");
    }
    format!(
        "`{}`",
        text.replace('`', "'")
            .replace("\\\"", "\"")
            .replace("\\'", "'")
    )
}

const LONGEST: usize = 60;
const INTRODUCTION: &str = "\
# Malformed and odd requests

What Onelane does with requests that are not what they should be, beside nginx and HAProxy. Each row was sent byte for byte
through each of the three to an application that records what arrives. `tests/it/strict.rs` does that in every test run and
compares the result with this file; `ONELANE_WRITE_DOCS=1 cargo test --test it strict` writes it anew. When other versions of
nginx and HAProxy are installed than are named here, only Onelane's column is compared.

nginx has `proxy_pass`, `proxy_http_version 1.1`, `Host $host` and an empty `Connection`; HAProxy `mode http`; otherwise all three have
their defaults, but wait for a client for 1 second at most, and HAProxy for the application for 2. Onelane's session is the cookie `sid`.

How to read a cell: the status of each answer; whether the connection was *closed* or *kept* for another request; what was
*forwarded*, if anything, with the fields that matter in this row (*without it*: without any of them). *Begun and broken off*
is a request whose body turned out to be malformed after its beginning had been forwarded: the application sees its
connection end before the body does.

The run also fails unless all of this is true of Onelane in every row: each request gets one well-formed answer, or the
connection is closed after an answer; nothing hangs, and nothing that is the client's fault is answered with 502; what is forwarded is valid
and framed in exactly one way; nothing that nginx and HAProxy both refuse is forwarded, but for the exceptions at the end; and what is
legitimate is served.
";
