//! Conversations out of fragments: what attacks on framing are made of, rather than random bytes.
//!
//! Guarantees: as a rule a request is ordinary but for a thing or two, so that the edge gets to see what is behind it.
//! Does not do: say what a conversation means; `reference` does.

use arbitrary::{Result, Unstructured};

/// Up to four requests.
pub(super) fn conversation(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for _ in 0..u.int_in_range(1..=4)? {
        message(u, &mut bytes)?;
    }
    if u.ratio(1, 16)? {
        let length = u.int_in_range(0..=bytes.len())?;
        bytes.truncate(length);
    }
    Ok(bytes)
}

fn message(u: &mut Unstructured<'_>, out: &mut Vec<u8>) -> Result<()> {
    let end = often(u, b"\r\n", ENDS)?;
    push(
        out,
        &[
            often(u, b"", BEFORE)?,
            u.choose(METHODS)?,
            often(u, b" ", SPACES)?,
        ],
    );
    push(out, &[u.choose(TARGETS)?, often(u, b" ", SPACES)?]);
    push(out, &[often(u, b"HTTP/1.1", VERSIONS)?, end]);
    push(out, &[often(u, b"Host: site", HOSTS)?, end]);
    for _ in 0..u.int_in_range(0..=3)? {
        push(out, &[u.choose(FIELDS)?, end]);
    }
    let data: Vec<u8> = match u.int_in_range(0..=3)? {
        0 => u.choose(NESTED)?.to_vec(),
        _ => {
            let length = u.int_in_range(0..=24)?;
            u.bytes(length.min(u.len()))?.to_vec()
        }
    };
    match u.int_in_range(0..=7)? {
        0 | 1 => push(out, &[end]),
        2 | 3 => {
            push(
                out,
                &[
                    format!("Content-Length: {}", data.len()).as_bytes(),
                    end,
                    end,
                    &data,
                ],
            );
        }
        4 | 5 => {
            push(
                out,
                &[often(u, b"Transfer-Encoding: chunked", CODINGS)?, end, end],
            );
            chunks(u, &data, out)?;
        }
        6 => {
            push(out, &[u.choose(LENGTHS)?, end, end, &data]);
        }
        _ => {
            push(
                out,
                &[
                    u.choose(LENGTHS)?,
                    end,
                    often(u, b"Transfer-Encoding: chunked", CODINGS)?,
                    end,
                    end,
                ],
            );
            chunks(u, &data, out)?;
        }
    }
    Ok(())
}

fn chunks(u: &mut Unstructured<'_>, data: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let (first, second) = data.split_at(u.int_in_range(0..=data.len())?);
    for data in [first, second].into_iter().filter(|data| !data.is_empty()) {
        let size = match u.int_in_range(0..=15)? {
            0 => format!("{:X}", data.len() + 1),
            1 => format!("0{:x}", data.len()),
            2 => format!("{:x}", data.len().saturating_sub(1)),
            3 => u.choose(SIZES)?.to_string(),
            _ => format!("{:x}", data.len()),
        };
        push(
            out,
            &[
                size.as_bytes(),
                often(u, b"", EXTENSIONS)?,
                often(u, b"\r\n", ENDS)?,
            ],
        );
        push(out, &[data, often(u, b"\r\n", ENDS)?]);
    }
    push(
        out,
        &[
            often(u, b"0", LAST)?,
            often(u, b"", EXTENSIONS)?,
            often(u, b"\r\n", ENDS)?,
        ],
    );
    push(out, &[often(u, b"", TRAILERS)?, often(u, b"\r\n", ENDS)?]);
    Ok(())
}

/// The usual one, or once in eight one of the others.
fn often(
    u: &mut Unstructured<'_>,
    usual: &'static [u8],
    others: &[&'static [u8]],
) -> Result<&'static [u8]> {
    Ok(if u.ratio(1, 8)? {
        *u.choose(others)?
    } else {
        usual
    })
}

fn push(out: &mut Vec<u8>, parts: &[&[u8]]) {
    for part in parts {
        out.extend_from_slice(part);
    }
}

const ENDS: &[&[u8]] = &[
    b"\n", b"\r", b"\r\r\n", b"\n\r", b"", b"\r\n ", b" \r\n", b"\0\r\n",
];
const BEFORE: &[&[u8]] = &[
    b"\r\n",
    b"\n",
    b"\r\n\r\n",
    b"\r",
    b" ",
    b"\t\r\n",
    b"\0",
    b"0\r\n\r\n",
];
const SPACES: &[&[u8]] = &[b"  ", b"\t", b"", b"\r\n", b"\x0b", b"\xa0"];
const METHODS: &[&[u8]] = &[
    b"GET",
    b"GET",
    b"GET",
    b"POST",
    b"POST",
    b"POST",
    b"PUT",
    b"HEAD",
    b"DELETE",
    b"OPTIONS",
    b"PATCH",
    b"CONNECT",
    b"TRACE",
    b"get",
    b"PRI",
    b"G@T",
    b"M-SEARCH",
    b"GE T",
    b"A",
];
const TARGETS: &[&[u8]] = &[
    b"/",
    b"/",
    b"/a",
    b"/b?c=d",
    b"/read/a",
    b"/none/a",
    b"/headers/a",
    b"*",
    b"site:80",
    b"http://other",
    b"http://other/a?b",
    b"HTTP://other:80/",
    b"http://user@other/a",
    b"http:///a",
    b"http://other?q",
    b"http://other#f",
    b"ftp://other/a",
    b"/a#f",
    b"/a b",
    b"/%zz",
    b"/..//../a;b",
    b"//other/a",
    b"?q",
    b"a",
    b"/\xc3\xa4",
    b"/\xff",
    b"/\"<>\\^`{|}",
    b"/a\0",
    b"http://[::1]:8080/",
    b"/none/a HTTP/1.1\r\nX: y",
    b"",
];
const VERSIONS: &[&[u8]] = &[
    b"HTTP/1.0",
    b"HTTP/1.2",
    b"HTTP/2.0",
    b"HTTP/0.9",
    b"http/1.1",
    b"HTTP/1.1 ",
    b"HTTP/1.10",
    b"HTTP/01.1",
    b"",
    b"HTTP/1.1\tx",
];
const HOSTS: &[&[u8]] = &[
    b"Host:",
    b"Host: ",
    b"host:site:80",
    b"Host: a\r\nHost: b",
    b"Host: a\r\nHost: a",
    b"Host: a b",
    b"Host: a/b",
    b"Host: user@site",
    b"Host: site:port",
    b"Host: [::1]:80",
    b"Host: [::1",
    b"Host: a,b",
    b"Host : site",
    b"X-No: host",
    b"Host: a\r\n b",
    b"Host: [::1]x",
    b"Host: :80",
    b"Host: a?b",
    b"Host: \xe4",
    b"Host: a:1:2",
    b" Host: site",
    b"Host: a\r\nX_Host: b",
];
const FIELDS: &[&[u8]] = &[
    b"Cookie: sid=1",
    b"Cookie: sid=1; a=b",
    b"cookie: sid=2",
    b"Connection: close",
    b"Connection: keep-alive",
    b"Connection: Cookie, Host, X-A",
    b"Connection: close, x-forwarded-for",
    b"Connection: X-Request-Id, Content-Length",
    b"Connection: transfer-encoding",
    b"Connection: close\r\nConnection: keep-alive",
    b"Keep-Alive: timeout=5",
    b"Proxy-Connection: keep-alive",
    b"TE: trailers",
    b"Trailer: X-A",
    b"Upgrade: websocket",
    b"Connection: Upgrade\r\nUpgrade: websocket",
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__",
    b"Expect: 100-continue",
    b"Expect: 100-Continue, x",
    b"Expect: tea",
    b"X-Forwarded-For: 192.0.2.1",
    b"X_Forwarded_For: 192.0.2.1",
    b"x-forwarded_for: 192.0.2.1",
    b"Forwarded: for=192.0.2.1",
    b"X-Real-IP: 192.0.2.1",
    b"X-Onelane-Access: none",
    b"X_Onelane-Secret: x",
    b"X-Request-Id: mine",
    b"Content_Length: 5",
    b"Transfer_Encoding: chunked",
    b"X-A: b",
    b"X-A: \x80\xff",
    b"X-A:",
    b"X-A: b\r\n c",
    b"X-A : b",
    b": b",
    b"X A: b",
    b"X-A: a\rb",
    b"X-A: a\0b",
    b"X-A: a\x7fb",
    b"X-A;b",
    b"Content-Type: text/plain",
    b"Authorization: Basic eDp5",
    b"Content-Length: 0",
    b"Content-Encoding: chunked",
    b"Max-Forwards: 0",
    b"X-HTTP-Method-Override: DELETE",
    b"Proxy-Authorization: Basic eDp5",
    b"Upgrade: h2c",
];
const LENGTHS: &[&[u8]] = &[
    b"Content-Length: 0",
    b"Content-Length: 3",
    b"Content-Length: 5\r\nContent-Length: 5",
    b"Content-Length: 5\r\nContent-Length: 6",
    b"Content-Length: 5, 5",
    b"Content-Length: 5,6",
    b"Content-Length: +5",
    b"Content-Length: -1",
    b"Content-Length: 0x5",
    b"Content-Length: 05",
    b"Content-Length: 5 5",
    b"Content-Length: ",
    b"Content-Length: 18446744073709551616",
    b"Content-Length: 18446744073709551615",
    b"Content-Length: 9223372036854775808",
    b"Content-Length : 5",
    b"Content-Length: 5\x0b",
    b"Content-Length:\t5 ",
    b"content-length: 2049",
    b"Content-Length: 1e1",
    b"Content-Length: 5\r\nX: y\r\nCONTENT-LENGTH: 5",
    b"\tContent-Length: 5",
    b"Content-Length: \"5\"",
    b"Content-Length:\r\n 5",
];
const CODINGS: &[&[u8]] = &[
    b"Transfer-Encoding: Chunked",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding: chunked, chunked",
    b"Transfer-Encoding: gzip, chunked",
    b"Transfer-Encoding: chunked, identity",
    b"Transfer-Encoding: identity",
    b"Transfer-Encoding: xchunked",
    b"Transfer-Encoding: \"chunked\"",
    b"Transfer-Encoding: chunked;a=b",
    b"Transfer-Encoding:",
    b"Transfer-Encoding: ,chunked",
    b"Transfer-Encoding: chunked,",
    b"Transfer-Encoding : chunked",
    b"Transfer-Encoding:\x0bchunked",
    b"Transfer-Encoding: chunked\x0b",
    b"Transfer-Encoding:\r\n chunked",
    b" Transfer-Encoding: chunked",
    b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    b"Transfer_Encoding: chunked",
    b"Transfer-Encoding:chunked\t",
    b"X: y\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding: \xffchunked",
    b"X: y\nTransfer-Encoding: chunked",
    b"X: y\rTransfer-Encoding: chunked",
];
const SIZES: &[&str] = &[
    "0x5",
    "-1",
    "+5",
    "5 5",
    "ffffffffffffffff",
    "10000000000000000",
    "8000000000000000",
    "",
    " 5",
    "5\t",
    "g",
    "5_0",
    "00000000000000000005",
];
const EXTENSIONS: &[&[u8]] = &[
    b";a=b",
    b";a=\"b\r\nc\"",
    b";",
    b";a=b;c",
    b" ;a",
    b"  ",
    b"\t;a=b",
    b";a\0b",
    b";a\rb",
    b";a\nb",
    b" x",
    b";\xff",
];
const LAST: &[&[u8]] = &[
    b"",
    b"00",
    b"000000000000000000000",
    b"0 ",
    b"-0",
    b"0x0",
    b"1",
    b"0\r\nX: y\r\n0",
    b"\r\n0",
];
const TRAILERS: &[&[u8]] = &[
    b"X-A: b\r\n",
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"X-A: b\n",
    b"X-A\r\n",
    b": b\r\n",
    b" X-A: b\r\n",
    b"X-A: a\rb\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n",
    b"X-A: b\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n",
    b"X-A: b\r\nX-B: c\r\n",
    b"0\r\n",
];
const NESTED: &[&[u8]] = &[
    b"GET /nested HTTP/1.1\r\nHost: nested\r\n\r\n",
    b"0\r\n\r\nGET /nested HTTP/1.1\r\nHost: nested\r\n\r\n",
    b"\r\n0\r\n\r\n",
    b"5\r\nhello\r\n0\r\n\r\n",
    b"a=b&c=d",
];
