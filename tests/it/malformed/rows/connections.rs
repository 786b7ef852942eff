//! What belongs to the connection: rows about Connection, Upgrade and Expect, about several requests, and about too much.

#![expect(clippy::too_many_lines, reason = "a table, one row after the other")]

use super::{ABC, FRAMING, HOST, Row, chunked, get, post, row};

pub(super) fn fields() -> Vec<Row> {
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

pub(super) fn pipelines() -> Vec<Row> {
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

pub(super) fn floods() -> Vec<Row> {
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
