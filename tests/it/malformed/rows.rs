//! The malformed and odd requests, as data.
//!
//! Does not do: say what the answer is; `docs/malformed.md` does, and `rules` what must be true of any.

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
            framing(),
        ),
        group("Chunks", chunks()),
        group("Host and the target", targets()),
        group("Versions and methods", versions_and_methods()),
        group("Lines and fields", lines()),
        group("Connection, Upgrade, Expect", connections()),
        group("Several requests on one connection", pipelines()),
        group("Too much", floods()),
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

fn framing() -> Vec<Row> {
    let named = |name: &str, lines: &str, body: &str, note| {
        row(name, post(lines, body), note).watching(FRAMING)
    };
    let body = |row: Row| {
        row.forwards("content-length", None)
            .forwards("transfer-encoding", Some("chunked"))
    };
    let coding = |value: &str, note| {
        let lines = format!("Transfer-Encoding: {value}\r\n");
        named(
            &format!("`Transfer-Encoding: {}`", value.escape_debug()),
            &lines,
            ABC,
            note,
        )
    };
    let length = |value: &str, note| {
        let lines = format!("Content-Length: {value}\r\n");
        named(&format!("`Content-Length: {value}`"), &lines, "abc", note)
    };
    vec![
        coding("chunked", "RFC 9112 6.1").valid(),
        coding("Chunked", "Coding names have no case (RFC 9112 7).").valid(),
        length("3", "RFC 9112 6.2").valid(),
        named(
            "`Content-Length: 4` before `Transfer-Encoding: chunked`",
            "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
            ABC,
            "RFC 9112 6.1: refuse, or drop the length and close.",
        ),
        named(
            "`Transfer-Encoding: chunked` before `Content-Length: 4`",
            "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
            ABC,
            "The same, in the other order.",
        ),
        named(
            "`Content-Length: x` after `Transfer-Encoding: chunked`",
            "Transfer-Encoding: chunked\r\nContent-Length: x\r\n",
            ABC,
            "The length is dropped whatever it is, before anybody can look at it (hyper).",
        ),
        named(
            "`Transfer-Encoding: chunked`, twice",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            ABC,
            "Chunked twice is not chunked (RFC 9112 6.1).",
        ),
        named(
            "`Transfer-Encoding: identity`, then `chunked`",
            "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
            ABC,
            "Some read the first, some the last.",
        ),
        coding(
            "chunked, chunked",
            "Chunked twice is not chunked (RFC 9112 6.1).",
        ),
        coding(
            "gzip, chunked",
            "A coding that is not understood: 501 (RFC 9112 6.1).",
        ),
        coding(
            "chunked, gzip",
            "Chunked is not the last: no end can be known.",
        ),
        coding("identity", "Gone since RFC 7230."),
        coding("xchunked", "Another word."),
        coding("\u{b}chunked", "A vertical tab is no blank."),
        coding("\"chunked\"", "A quoted string is no token."),
        coding("chunked;q=1", "Chunked has no parameters."),
        coding("", "Present but empty."),
        named(
            "`Transfer-Encoding:   chunked\\t` (blanks around)",
            "Transfer-Encoding:   chunked\t\r\n",
            ABC,
            "Blanks around a value do not belong to it (RFC 9112 5.1).",
        ),
        named(
            "`Transfer-Encoding : chunked` (blank before the colon)",
            "Transfer-Encoding : chunked\r\n",
            ABC,
            "RFC 9112 5.1: refuse.",
        ),
        named(
            "`Transfer_Encoding: chunked` beside `Content-Length: 3`",
            "Transfer_Encoding: chunked\r\nContent-Length: 3\r\n",
            "abc",
            "A CGI application reads both names as one.",
        )
        .watching(&["content-length", "transfer-encoding", "transfer_encoding"]),
        row(
            "`Transfer-Encoding: chunked` in HTTP/1.0",
            chunked(ABC).replace("HTTP/1.1", "HTTP/1.0"),
            "RFC 9112 6.1: its framing is faulty.",
        )
        .watching(FRAMING),
        named(
            "`Content-Length: 3`, twice",
            "Content-Length: 3\r\nContent-Length: 3\r\n",
            "abc",
            "RFC 9112 6.3: refuse, or make it one.",
        ),
        named(
            "`Content-Length: 3`, then `4`",
            "Content-Length: 3\r\nContent-Length: 4\r\n",
            "abc",
            "RFC 9112 6.3: refuse.",
        ),
        length("3, 3", "RFC 9112 6.3: refuse, or make it one."),
        length("3, 4", "RFC 9112 6.3: refuse."),
        length("+3", "Digits only (RFC 9110 8.6)."),
        length("-1", "Digits only."),
        length("0x3", "Digits only."),
        length("3_0", "Digits only."),
        length("", "Present but empty."),
        length("3 ", "Blanks around a value do not belong to it."),
        length("03", "A leading zero is allowed (`1*DIGIT`)."),
        length("18446744073709551619", "3 in 64 bits."),
        length("18446744073709551615", "The most that 64 bits hold."),
        row(
            "GET with `Content-Length: 3` and a body",
            get("Content-Length: 3\r\n") + "abc",
            "Allowed, without meaning (RFC 9110 9.3.1); but it must not become the next request.",
        )
        .watching(FRAMING),
        body(row(
            "GET with a chunked body",
            get("Transfer-Encoding: chunked\r\n") + ABC,
            "The same. A body that is left out would be a shorter one that looks whole.",
        ))
        .watching(FRAMING)
        .valid(),
        row(
            "HEAD with `Content-Length: 3` and a body",
            get("Content-Length: 3\r\n").replace("GET", "HEAD") + "abc",
            "The same.",
        )
        .watching(FRAMING),
    ]
}

fn chunks() -> Vec<Row> {
    let bad = |name: &str, body: &str, note| {
        let lines = "Cookie: sid=a\r\nTransfer-Encoding: chunked\r\n";
        row(name, post(lines, body), note).watching(FRAMING)
    };
    vec![
        bad(
            "an extension: `3;a=b`",
            "3;a=b\r\nabc\r\n0\r\n\r\n",
            "Ignored (RFC 9112 7.1.1).",
        )
        .valid(),
        bad(
            "trailers that were announced by nobody",
            "3\r\nabc\r\n0\r\nX-Late: 1\r\n\r\n",
            "May be dropped (RFC 9110 6.5.1).",
        )
        .watching(&["transfer-encoding", "x-late"])
        .valid(),
        bad(
            "size `ffffffffffffffffff`",
            "ffffffffffffffffff\r\nabc",
            "More than 64 bits.",
        ),
        bad(
            "size `10000000000000003`",
            "10000000000000003\r\nabc\r\n0\r\n\r\n",
            "3 in 64 bits.",
        ),
        bad("size `-3`", "-3\r\nabc\r\n0\r\n\r\n", "Hex digits only."),
        bad("size `0x3`", "0x3\r\nabc\r\n0\r\n\r\n", "Hex digits only."),
        bad("size `0_3`", "0_3\r\nabc\r\n0\r\n\r\n", "Hex digits only."),
        bad(
            "no size",
            "\r\nabc\r\n0\r\n\r\n",
            "Hex digits are required.",
        ),
        bad(
            "blank before the size",
            " 3\r\nabc\r\n0\r\n\r\n",
            "Hex digits only.",
        ),
        bad(
            "blank behind the size",
            "3 \r\nabc\r\n0\r\n\r\n",
            "Some older clients send it.",
        ),
        bad(
            "bare LF behind the size",
            "3\nabc\r\n0\r\n\r\n",
            "Some end the line there, some do not.",
        ),
        bad(
            "bare LF behind the chunk",
            "3\r\nabc\n0\r\n\r\n",
            "Some end the chunk there, some do not.",
        ),
        bad(
            "longer than its size",
            "3\r\nabcd\r\n0\r\n\r\n",
            "What follows a chunk is CRLF.",
        ),
        bad(
            "no end behind the last chunk",
            "3\r\nabc\r\n0\r\n",
            "It never ends.",
        ),
        bad(
            "a bare LF ends it",
            "3\r\nabc\r\n0\r\n\n",
            "Some end the body there, some do not.",
        ),
        bad(
            "bare `;` behind the size",
            "3;\r\nabc\r\n0\r\n\r\n",
            "No extension has no name.",
        ),
        bad(
            "bare LF in an extension",
            "3;a\nb\r\nabc\r\n0\r\n\r\n",
            "Some end the line there, some do not.",
        ),
        bad(
            "bare CR in an extension",
            "3;a\rb\r\nabc\r\n0\r\n\r\n",
            "Some end the line there, some do not.",
        ),
        bad(
            "NUL in an extension",
            "3;a\0b\r\nabc\r\n0\r\n\r\n",
            "Ignored, and not forwarded.",
        ),
        bad(
            "an extension of 20 kB",
            &format!("3;{}\r\nabc\r\n0\r\n\r\n", "a".repeat(20_000)),
            "Ignored bytes cost too.",
        ),
        bad(
            "a trailer without a colon",
            "3\r\nabc\r\n0\r\nx\r\n\r\n",
            "No field.",
        ),
        bad(
            "a trailer `Content-Length: 9`",
            "3\r\nabc\r\n0\r\nContent-Length: 9\r\n\r\n",
            "No trailer may frame (RFC 9110 6.5.1).",
        ),
        row(
            "nonsense, without a session",
            chunked("zz\r\nabc\r\n0\r\n\r\n"),
            "Without a session nothing is read before it is forwarded.",
        )
        .watching(FRAMING),
        row(
            "longer than its size, without a session",
            chunked("3\r\nabcd\r\n0\r\n\r\n"),
            "The application sees that the body was broken off.",
        )
        .watching(FRAMING),
        row(
            "no end behind the last chunk, without a session",
            chunked("3\r\nabc\r\n0\r\n"),
            "The application sees that the body was broken off.",
        )
        .watching(FRAMING),
        row(
            "`Content-Length: 9`, then 3 bytes and silence",
            post("Content-Length: 9\r\n", "abc"),
            "It never ends.",
        ),
    ]
}

fn targets() -> Vec<Row> {
    let host = |host: &str, note| {
        let bytes = format!("GET /x HTTP/1.1\r\nHost: {host}\r\n\r\n");
        row(format!("`Host: {}`", host.escape_debug()), bytes, note).watching(HOST)
    };
    let target = |name: &str, target: &str, note| {
        let name = if name.is_empty() {
            format!("`GET {target}`")
        } else {
            name.to_owned()
        };
        row(name, get("").replacen("/x", target, 1), note).watching(HOST)
    };
    vec![
        row("no `Host`", "GET /x HTTP/1.1\r\n\r\n", "RFC 9112 3.2: 400.").watching(HOST),
        row(
            "no `Host` in HTTP/1.0",
            "GET /x HTTP/1.0\r\n\r\n",
            "It is required since HTTP/1.1.",
        )
        .watching(HOST),
        row(
            "`Host`, twice the same",
            get("Host: a.test\r\n"),
            "RFC 9112 3.2: 400.",
        )
        .watching(HOST),
        row(
            "`Host`, twice differing",
            get("Host: b.test\r\n"),
            "RFC 9112 3.2: 400.",
        )
        .watching(HOST),
        host("a.test:8080", "RFC 9112 3.2").valid(),
        host("[::1]:8080", "RFC 9112 3.2").valid(),
        host("", "No authority: an http target has one (RFC 9110 4.2.1)."),
        host("user@a.test", "No user information (RFC 9110 7.2)."),
        host("a.test/x", "No path."),
        host("a.test b.test", "No blank."),
        host("a.test, b.test", "No list."),
        host("a.test:port", "Digits only."),
        host("a.test:99999", "No port is so high."),
        host("[::1", "No end."),
        host("a.test#x", "No fragment."),
        host("a\\b", "No backslash."),
        target("", "http://a.test/x", "RFC 9112 3.2.2").valid(),
        target(
            "",
            "http://b.test/x",
            "RFC 9112 3.2.2: the target decides, and replaces Host.",
        )
        .forwards("host", Some("b.test")),
        target("", "http://b.test", "An empty path is `/`.").forwards("host", Some("b.test")),
        target("", "http://user@a.test/x", "No user information."),
        target("", "http:///x", "No authority."),
        target(
            "",
            "https://a.test/x",
            "Another scheme than the connection's.",
        ),
        target("", "ftp://a.test/x", "Another protocol."),
        row(
            "`GET http://a.test/x` without `Host`",
            "GET http://a.test/x HTTP/1.1\r\n\r\n",
            "RFC 9112 3.2: Host is required all the same.",
        )
        .watching(HOST),
        target("", "*", "`*` is for OPTIONS alone (RFC 9112 3.2.4)."),
        row(
            "`OPTIONS *`",
            get("").replace("GET /x", "OPTIONS *"),
            "Asks the server itself (RFC 9110 9.3.7).",
        ),
        target(
            "",
            "a.test:80",
            "Authority form is for CONNECT alone (RFC 9112 3.2.3).",
        ),
        target("", "x", "No form of target."),
        target("", "/x#part", "A fragment is not sent (RFC 9112 3.2)."),
        target("", "/x y", "A blank ends the target."),
        target(
            "`GET /x?\\u{e9}`",
            "/x?\u{e9}",
            "A target is ASCII (RFC 3986), but old browsers send it in queries.",
        ),
        target("`GET /x\\u{1}`", "/x\u{1}", "No control characters."),
        target("`GET /x\\u{7f}`", "/x\u{7f}", "No control characters."),
        target("", "/%00", "Encoded, so the application's own business."),
        target(
            "",
            "/%zz",
            "No encoding; forwarded or refused, never repaired.",
        ),
        target("", "//b.test/x", "A path that looks like an authority."),
        target(
            "",
            "/x\\y",
            "Not allowed in a path, but sent by browsers of old.",
        ),
        target("", "/x?a=[b]|{c}^", "Not all allowed in a query, but sent.").valid(),
        target(
            "",
            "/x?a=<b>\"c\"",
            "Not allowed in a query; browsers encode it.",
        ),
    ]
}

fn versions_and_methods() -> Vec<Row> {
    let version =
        |name: &str, note| row(format!("`{name}`"), get("").replace("HTTP/1.1", name), note);
    let method = |name: &str, note| {
        row(
            format!("method `{name}`"),
            get("").replace("GET", name),
            note,
        )
    };
    vec![
        version("HTTP/1.0", "Served, and the connection closed.").valid(),
        row(
            "`HTTP/1.0` with `Connection: keep-alive`",
            get("Connection: keep-alive\r\n").replace("HTTP/1.1", "HTTP/1.0"),
            "Kept (RFC 9112 9.3).",
        )
        .valid(),
        version(
            "HTTP/1.2",
            "A higher minor version may be served as 1.1 (RFC 9110 2.5).",
        ),
        version("HTTP/2.0", "Another protocol."),
        version("HTTP/0.9", "Another protocol."),
        version("http/1.1", "The name has a case (RFC 9112 2.3)."),
        version("HTTP/1.10", "One digit (RFC 9112 2.3)."),
        version("HTTP/1.1 x", "One version."),
        row(
            "HTTP/0.9: `GET /x` and nothing else",
            "GET /x\r\n",
            "It has no header: nothing can be known of it.",
        ),
        row(
            "a TLS hello",
            b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03\r\n\r\n",
            "Another protocol.",
        ),
        row(
            "CONNECT",
            "CONNECT a.test:80 HTTP/1.1\r\nHost: a.test:80\r\n\r\n",
            "A tunnel to anywhere: never.",
        ),
        method("TRACE", "It would show the client what Onelane adds."),
        method("PROPFIND", "Any token is a method (RFC 9110 9.1).").valid(),
        method("get", "Methods have a case: another method."),
        method("GE(T", "No token."),
        method("", "No method."),
        method(&"M".repeat(2000), "Any length, within the header's.")
            .with_name("a method of 2000 letters"),
        row(
            "two blanks: `GET  /x`",
            get("").replace("GET ", "GET  "),
            "One blank (RFC 9112 3).",
        ),
        row(
            "a tab: `GET\\t/x`",
            get("").replace("GET ", "GET\t"),
            "A blank, not a tab.",
        ),
        row(
            "`X-HTTP-Method-Override: DELETE` on a GET",
            get("X-HTTP-Method-Override: DELETE\r\n"),
            "For the application; the route goes by the method.",
        )
        .watching(&["x-http-method-override"]),
    ]
}

fn lines() -> Vec<Row> {
    let line = |name: &str, line: &str, note| {
        let name = if name.is_empty() {
            format!("`{line}`")
        } else {
            name.to_owned()
        };
        row(name, get(&format!("{line}\r\n")), note)
    };
    vec![
        line(
            "a folded line",
            "A: b\r\n folded",
            "RFC 9112 5.2: refuse, or unfold.",
        )
        .watching(&["a"]),
        line("", "A : b", "RFC 9112 5.1: refuse.").watching(&["a", "a "]),
        row(
            "blank before the first field",
            "GET /x HTTP/1.1\r\n Host: a.test\r\n\r\n",
            "RFC 9112 2.2: refuse.",
        )
        .watching(HOST),
        line("bare CR in a value", "A: b\rc", "RFC 9112 2.2").watching(&["a", "c"]),
        line("bare CR before a line end", "A: b\r", "RFC 9112 2.2").watching(&["a"]),
        line("NUL in a value", "A: b\0c", "RFC 9110 5.5").watching(&["a"]),
        line(
            "a control character in a value",
            "A: b\u{1}c",
            "RFC 9110 5.5",
        )
        .watching(&["a"]),
        line(
            "UTF-8 in a value",
            "A: b\u{e9}",
            "Opaque, but allowed (RFC 9110 5.5).",
        )
        .watching(&["a"])
        .valid(),
        row(
            "bare LF at all line ends",
            get("A: b\r\n").replace("\r\n", "\n"),
            "RFC 9112 2.2 allows to read it; what is forwarded has CRLF.",
        )
        .watching(&["a"]),
        line("bare LF between two fields", "A: b\nC: d", "The same.").watching(&["a", "c"]),
        line("UTF-8 in a name", "A\u{e9}: b", "A name is a token.").watching(&["a"]),
        line("", ": b", "A name is not empty."),
        line("", "A", "No colon.").watching(&["a"]),
        line("", "A(b): c", "A name is a token.").watching(&["a(b)"]),
        line("", "A: ", "An empty value is one.")
            .watching(&["a"])
            .valid(),
        line(
            "",
            "X_Forwarded_For: 192.0.2.9",
            "A CGI application reads it as X-Forwarded-For.",
        )
        .watching(&["x_forwarded_for", "x-forwarded-for"])
        .forwards("x_forwarded_for", None)
        .forwards("x-forwarded-for", Some("127.0.0.1")),
        line(
            "",
            "X-Forwarded-For: 192.0.2.9",
            "From a client that nobody trusts.",
        )
        .watching(&["x-forwarded-for"])
        .forwards("x-forwarded-for", Some("127.0.0.1")),
        line("", "X-Onelane-Access: none", "Only Onelane says it.")
            .watching(&["x-onelane-access"])
            .forwards("x-onelane-access", Some("write")),
        line("", "X_Onelane_Access: none", "Only Onelane says it.")
            .watching(&["x_onelane_access"])
            .forwards("x_onelane_access", None)
            .forwards("x-onelane-access", Some("write")),
        row(
            "`Content_Length: 5` on a POST",
            post("Content_Length: 5\r\nContent-Length: 3\r\n", "abc"),
            "A CGI application reads both names as one.",
        )
        .watching(&["content-length", "content_length"]),
        row(
            "a CRLF before the request",
            format!("\r\n{}", get("")),
            "RFC 9112 2.2: read over.",
        )
        .valid(),
        row(
            "100 CRLFs before the request",
            format!("{}{}", "\r\n".repeat(100), get("")),
            "Some are read over.",
        ),
        row(
            "100 kB of CRLFs before the request",
            format!("{}{}", "\r\n".repeat(50_000), get("")),
            "They cost too.",
        ),
        row(
            "a bare CR before the request",
            format!("\r{}", get("")),
            "RFC 9112 2.2",
        ),
    ]
}

fn connections() -> Vec<Row> {
    let nominated = |name: &'static str, note| {
        let lines = format!("Connection: {name}\r\nCookie: a=b\r\nX-A: b\r\n");
        row(format!("`Connection: {name}`"), get(&lines), note)
    };
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
    let smuggled = "GET /second HTTP/1.1\r\nHost: a.test\r\n\r\n";
    vec![
        nominated("X-A", "RFC 9110 7.6.1: it goes no further.")
            .watching(&["x-a"])
            .forwards("x-a", None),
        nominated("Host", "Without it there is no request.").watching(HOST).forwards("host", Some("a.test")),
        nominated("Cookie", "A client would leave its lane.").watching(&["cookie"]).forwards("cookie", Some("a=b")),
        nominated("X-Forwarded-For", "CVE-2026-105299: a client strips what the proxy adds.")
            .watching(&["x-forwarded-for"])
            .forwards("x-forwarded-for", Some("127.0.0.1")),
        nominated("X-Onelane-Access", "The same.")
            .watching(&["x-onelane-access"])
            .forwards("x-onelane-access", Some("write")),
        row(
            "`Connection: Content-Length` on a POST",
            post("Connection: Content-Length\r\nContent-Length: 3\r\n", "abc"),
            "The body would be the next request.",
        )
        .watching(FRAMING)
        .forwards("content-length", Some("3")),
        row(
            "`Connection: Transfer-Encoding` on a POST",
            post("Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n", ABC),
            "The body would be the next request.",
        )
        .watching(FRAMING),
        nominated("close", "Not forwarded: the connection to the application is another.")
            .watching(&["connection"])
            .valid()
            .forwards("connection", None),
        row("`TE: trailers`", get("TE: trailers\r\nConnection: TE\r\n"), "For this hop alone.").watching(&["te"]).valid(),
        row("`Proxy-Connection: keep-alive`", get("Proxy-Connection: keep-alive\r\n"), "For this hop alone.")
            .watching(&["proxy-connection"])
            .valid(),
        row("`OPTIONS /x`, `Max-Forwards: 0`", get("Max-Forwards: 0\r\n").replace("GET", "OPTIONS"), "RFC 9110 7.6.2: the answer is the proxy's own.")
            .watching(&["max-forwards"]),
        row("`OPTIONS /x`, `Max-Forwards: 5`", get("Max-Forwards: 5\r\n").replace("GET", "OPTIONS"), "RFC 9110 7.6.2: one less.")
            .watching(&["max-forwards"]),
        row("`Expect: 100-continue`", post("Expect: 100-continue\r\nContent-Length: 3\r\n", "abc"), "RFC 9110 10.1.1")
            .watching(&["expect"])
            .valid(),
        row(
            "`Expect: 100-continue`, twice",
            post("Expect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 3\r\n", "abc"),
            "A list of two expectations that are one.",
        )
        .watching(&["expect"]),
        row("`Expect: tea`", post("Expect: tea\r\nContent-Length: 3\r\n", "abc"), "RFC 9110 10.1.1: 417.").watching(&["expect"]),
        row("`Upgrade: websocket` that is not granted", get(upgrade), "An ordinary exchange.")
            .watching(&["upgrade", "connection"])
            .valid(),
        row(
            "`Upgrade: websocket` with a body",
            post(&format!("{upgrade}Content-Length: 3\r\n"), "abc"),
            "What are the bytes of a body, and what the new protocol's?",
        )
        .watching(&["upgrade", "content-length"])
        .forwards("upgrade", None),
        row(
            "`Upgrade: h2c`",
            get("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"),
            "What is said in it would pass unseen.",
        )
        .watching(&["upgrade", "http2-settings"])
        .forwards("upgrade", None)
        .forwards("http2-settings", None),
        row(
            "a request behind an `Upgrade: websocket`",
            get(upgrade) + smuggled,
            "CVE-2026-2833: it must not pass before the 101.",
        )
        .of(2)
        .watching(&["upgrade"]),
        row(
            "`Upgrade: websocket` in HTTP/1.0",
            get(upgrade).replace("HTTP/1.1", "HTTP/1.0"),
            "RFC 9110 7.8: ignored.",
        )
        .watching(&["upgrade"])
        .forwards("upgrade", None),
    ]
}

fn pipelines() -> Vec<Row> {
    let second = "GET /second HTTP/1.1\r\nHost: a.test\r\n\r\n";
    vec![
        row("two requests", get("") + second, "RFC 9112 9.3.2")
            .of(2)
            .valid(),
        row(
            "a request behind one without `Host`",
            format!("GET /x HTTP/1.1\r\n\r\n{second}"),
            "",
        )
        .of(2),
        row(
            "a request behind one with `Expect: tea`",
            get("Expect: tea\r\n") + second,
            "",
        )
        .of(2),
        row(
            "a request behind a CONNECT",
            format!("CONNECT a.test:80 HTTP/1.1\r\nHost: a.test\r\n\r\n{second}"),
            "It would be bytes of the tunnel.",
        )
        .of(2),
        row(
            "a request behind `Content-Length: 4` with `Transfer-Encoding: chunked`",
            post("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", ABC) + second,
            "RFC 9112 6.1: the connection is closed before it.",
        )
        .of(2),
        row(
            "CL.TE: a request inside the body",
            post(
                "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n",
                "0\r\n\r\nG",
            ),
            "The classic: G would begin somebody else's request.",
        ),
        row(
            "TE.CL: a request inside a chunk",
            post(
                "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
                "2c\r\nGET /second HTTP/1.1\r\nHost: a.test\r\nA: bcdef\r\n0\r\n\r\n",
            ),
            "The classic, the other way round.",
        ),
        row(
            "a request behind two chunked codings",
            post("Transfer-Encoding: chunked, chunked\r\n", ABC) + second,
            "What was refused for its framing is not read on.",
        )
        .of(2),
        row(
            "a request behind two lengths",
            post("Content-Length: 3\r\nContent-Length: 30\r\n", "abc") + second,
            "What was refused for its framing is not read on.",
        )
        .of(2),
        row(
            "a request behind nonsense in a chunk",
            chunked("zz\r\n\r\n") + second,
            "What was refused for its framing is not read on.",
        )
        .of(2),
        row(
            "a request behind a GET with `Content-Length: 3`",
            get("Content-Length: 3\r\n") + "abc" + second,
            "The body is read over, not executed.",
        )
        .of(2),
        row(
            "a request as the body of a GET",
            get(&format!("Content-Length: {}\r\n", second.len())) + second,
            "It is a body.",
        ),
    ]
}

fn floods() -> Vec<Row> {
    let fields = |count: usize| -> String { (0..count).map(|n| format!("X-{n}: 1\r\n")).collect() };
    let long = |length: usize| "x".repeat(length);
    vec![
        row("90 fields", get(&fields(90)), "").valid(),
        row("200 fields", get(&fields(200)), "RFC 6585 5"),
        row("2000 fields", get(&fields(2000)), "RFC 6585 5"),
        row(
            "a target of 70 kB",
            get("").replacen("/x", &format!("/{}", long(70_000)), 1),
            "RFC 9110 15.5.15",
        ),
        row(
            "a field of 7 kB",
            get(&format!("X: {}\r\n", long(7_000))),
            "",
        )
        .valid(),
        row(
            "a field of 500 kB",
            get(&format!("X: {}\r\n", long(500_000))),
            "RFC 6585 5",
        ),
        row(
            "a field name of 70 kB",
            get(&format!("{}: x\r\n", long(70_000))),
            "RFC 6585 5",
        ),
        row(
            "a chunked trailer of 100 kB",
            chunked(&format!("3\r\nabc\r\n0\r\nX: {}\r\n\r\n", long(100_000))),
            "It is dropped, but has to be read.",
        ),
        row(
            "a head that never ends",
            "GET /x HTTP/1.1\r\nHost: a.test\r\nA: b",
            "RFC 9110 15.5.9",
        ),
    ]
}

impl Row {
    fn with_name(self, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..self
        }
    }
}

const ABC: &str = "3\r\nabc\r\n0\r\n\r\n";
const FRAMING: &[&str] = &["content-length", "transfer-encoding"];
const HOST: &[&str] = &["host"];
