//! The malformed and odd requests, as data.
//!
//! Does not do: say what the answer is; `docs/malformed.md` does, and `rules` what must be true of any.

mod bodies;
mod connections;
mod heads;

/// One request, or several on one connection.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) group: &'static str,
    /// Markdown.
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    /// How many requests it is, if it is read as it was meant.
    pub(crate) requests: usize,
    /// The header fields of the forwarded request that tell what became of it, in lower case.
    pub(crate) watch: &'static [&'static str],
    /// Whether nothing is wrong with it, so that it must be served.
    pub(crate) validity: Validity,
    /// What a forwarded request must have: a field's only value, or none of it.
    pub(crate) forwards: Vec<(&'static str, Option<&'static str>)>,
    /// The rule, or why it matters.
    pub(crate) note: &'static str,
}

/// Whether a row must be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Validity {
    /// A refusal is as good as a repair.
    Doubtful,
    /// A legitimate client sends it.
    Valid,
}

/// All rows, in the order of the document.
pub(crate) fn rows() -> Vec<Row> {
    [
        group(
            "Which body is it: Transfer-Encoding and Content-Length",
            bodies::framing(),
        ),
        group("Chunks", bodies::chunks()),
        group("Host and the target", heads::targets()),
        group("Versions and methods", heads::versions_and_methods()),
        group("Lines and fields", heads::lines()),
        group("Connection, Upgrade, Expect", connections::fields()),
        group(
            "Several requests on one connection",
            connections::pipelines(),
        ),
        group("Too much", connections::floods()),
    ]
    .concat()
}

fn group(name: &'static str, rows: Vec<Row>) -> Vec<Row> {
    let named = rows.into_iter().map(|row| Row { group: name, ..row });
    named.collect()
}

fn row(name: impl Into<String>, bytes: impl AsRef<[u8]>, note: &'static str) -> Row {
    Row {
        group: "",
        name: name.into(),
        bytes: bytes.as_ref().to_vec(),
        requests: 1,
        watch: &[],
        validity: Validity::Doubtful,
        forwards: Vec::new(),
        note,
    }
}

impl Row {
    fn with_name(self, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..self
        }
    }

    fn watching(self, watch: &'static [&'static str]) -> Self {
        Self { watch, ..self }
    }

    fn valid(self) -> Self {
        Self {
            validity: Validity::Valid,
            ..self
        }
    }

    fn of(self, requests: usize) -> Self {
        Self { requests, ..self }
    }

    fn forwards(mut self, name: &'static str, value: Option<&'static str>) -> Self {
        self.forwards.push((name, value));
        self
    }
}

/// A POST with these header lines (each with its line end) and this body.
fn post(lines: &str, body: &str) -> String {
    format!("POST /x HTTP/1.1\r\nHost: a.test\r\n{lines}\r\n{body}")
}

/// A GET with these header lines.
fn get(lines: &str) -> String {
    format!("GET /x HTTP/1.1\r\nHost: a.test\r\n{lines}\r\n")
}

fn chunked(body: &str) -> String {
    post("Transfer-Encoding: chunked\r\n", body)
}

const ABC: &str = "3\r\nabc\r\n0\r\n\r\n";
const FRAMING: &[&str] = &["content-length", "transfer-encoding"];
const HOST: &[&str] = &["host"];
