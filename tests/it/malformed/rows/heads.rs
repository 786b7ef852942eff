//! What is asked for: rows about Host, targets, versions, methods, and lines.

#![expect(clippy::too_many_lines, reason = "a table, one row after the other")]

use super::{HOST, Row, get, post, row};

pub(super) fn targets() -> Vec<Row> {
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

pub(super) fn versions_and_methods() -> Vec<Row> {
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

pub(super) fn lines() -> Vec<Row> {
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
