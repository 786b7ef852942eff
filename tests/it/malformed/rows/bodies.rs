//! How long is the body: rows about Transfer-Encoding, Content-Length and chunks.

#![expect(clippy::too_many_lines, reason = "a table, one row after the other")]

use super::{ABC, FRAMING, Row, chunked, get, post, row};

pub(super) fn framing() -> Vec<Row> {
    let named = |name: &str, lines: &str, body: &str, note| {
        row(name, post(lines, body), note).watching(FRAMING)
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
        row(
            "GET with a chunked body",
            get("Transfer-Encoding: chunked\r\n") + ABC,
            "The same. A body that is left out would be a shorter one that looks whole.",
        )
        .watching(FRAMING)
        .forwards("content-length", Some("3"))
        .valid(),
        row(
            "HEAD with `Content-Length: 3` and a body",
            get("Content-Length: 3\r\n").replace("GET", "HEAD") + "abc",
            "The same.",
        )
        .watching(FRAMING),
    ]
}

pub(super) fn chunks() -> Vec<Row> {
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
            "It is read before it is forwarded, as with a session.",
        )
        .watching(FRAMING),
        row(
            "longer than its size, without a session",
            chunked("3\r\nabcd\r\n0\r\n\r\n"),
            "The same: the application is not asked.",
        )
        .watching(FRAMING),
        row(
            "no end behind the last chunk, without a session",
            chunked("3\r\nabc\r\n0\r\n"),
            "It never ends, and the application need not wait for that.",
        )
        .watching(FRAMING),
        row(
            "`Content-Length: 9`, then 3 bytes and silence",
            post("Content-Length: 9\r\n", "abc"),
            "It never ends.",
        ),
    ]
}
