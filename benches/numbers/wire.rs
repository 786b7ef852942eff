//! HTTP/1.1 as bytes: requests made beforehand, and where a response ends.
//!
//! Guarantees: no allocation for each request. Does not do: chunked bodies; the application here sends none.

use std::io;
use std::ops::Range;

/// A GET as a browser sends it, ready to be written.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    bytes: Vec<u8>,
    /// What changes, but for colons.
    varies: Range<usize>,
    alphabet: &'static [u8],
}

/// The first lines of a response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    /// Its status code.
    pub(crate) status: u16,
    /// Bytes of head and body together.
    pub(crate) length: usize,
}

impl Request {
    /// A request without a session: it has no lane.
    pub(crate) fn anonymous(path: &str) -> Self {
        Self {
            bytes: format!("GET {path} HTTP/1.1\r\n{HEADERS}\r\n").into_bytes(),
            varies: 0..0,
            alphabet: SESSION_ID_ALPHABET,
        }
    }

    /// A request of a new session.
    pub(crate) fn of_new_session(path: &str) -> Self {
        let before =
            format!("GET {path} HTTP/1.1\r\n{HEADERS}Cookie: theme=dark; ASP.NET_SessionId=");
        let id = "a".repeat(SESSION_ID_LENGTH);
        Self::varied(before, &id, "", SESSION_ID_ALPHABET)
    }

    /// A request that a proxy forwards for a new client: each in an IPv6 /64 of its own.
    pub(crate) fn of_new_address(path: &str) -> Self {
        let before = format!("GET {path} HTTP/1.1\r\n{HEADERS}X-Forwarded-For: 2");
        Self::varied(before, "000:0000:0000:0000", "::1", b"0123456789abcdef")
    }

    /// A request that a proxy forwards for this client.
    pub(crate) fn of_address(path: &str, address: &str) -> Self {
        let before = format!("GET {path} HTTP/1.1\r\n{HEADERS}X-Forwarded-For: {address}");
        Self::varied(before, "", "", b"0")
    }

    /// The head of an upload of a new session.
    pub(crate) fn upload(path: &str, length: usize) -> Self {
        let before = format!(
            "POST {path} HTTP/1.1\r\n{HEADERS}Content-Length: {length}\r\nCookie: ASP.NET_SessionId="
        );
        Self::varied(
            before,
            &"a".repeat(SESSION_ID_LENGTH),
            "",
            SESSION_ID_ALPHABET,
        )
    }

    /// A form of a new session, as Chromium posts it to a site of its own origin.
    pub(crate) fn form_of_new_session(path: &str) -> Self {
        let form = format!(
            "__VIEWSTATE={}&customer=Mary+Smith&save=Save",
            "dDwtMTA4".repeat(44)
        );
        let before = format!(
            "POST {path} HTTP/1.1\r\n{CHROMIUM}Content-Length: {}\r\nCookie: {COOKIES}ASP.NET_SessionId=",
            form.len()
        );
        let id = "a".repeat(SESSION_ID_LENGTH);
        let mut request = Self::varied(before, &id, "", SESSION_ID_ALPHABET);
        request.bytes.extend_from_slice(form.as_bytes());
        request
    }

    fn varied(before: String, varies: &str, after: &str, alphabet: &'static [u8]) -> Self {
        let place = before.len()..before.len() + varies.len();
        let text = before + varies + after + "\r\n\r\n";
        let mut request = Self {
            bytes: text.into_bytes(),
            varies: place,
            alphabet,
        };
        request.change();
        request
    }

    /// Gives the request another session or address, if it has one that can change.
    pub(crate) fn change(&mut self) {
        for byte in &mut self.bytes[self.varies.clone()] {
            if *byte != b':' {
                *byte = self.alphabet[fastrand::usize(..self.alphabet.len())];
            }
        }
    }

    /// What is to be written.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl Head {
    /// Reads the head of a response; None while there is not all of it.
    pub(crate) fn parse(bytes: &[u8]) -> io::Result<Option<Self>> {
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            return Ok(None);
        };
        let mut lines = bytes[..end].split(|byte| *byte == b'\n');
        let status = lines
            .next()
            .and_then(|line| line.get(9..12))
            .and_then(number);
        let body = lines.find_map(|line| {
            let (name, value) = line.split_at_checked(CONTENT_LENGTH.len())?;
            name.eq_ignore_ascii_case(CONTENT_LENGTH)
                .then(|| number(value.trim_ascii()))?
        });
        match (status.and_then(|status| status.try_into().ok()), body) {
            (Some(status), Some(body)) => Ok(Some(Self {
                status,
                length: end + 4 + body,
            })),
            _ => Err(io::Error::other(
                "a response without status or Content-Length",
            )),
        }
    }

    /// An error unless the status is 200.
    pub(crate) fn ok(self) -> io::Result<()> {
        match self.status {
            200 => Ok(()),
            status => Err(io::Error::other(format!(
                "a response had the status {status}"
            ))),
        }
    }
}

fn number(digits: &[u8]) -> Option<usize> {
    str::from_utf8(digits).ok()?.parse().ok()
}

/// 24 of these, as ASP.NET makes them.
const SESSION_ID_ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyz012345";
const SESSION_ID_LENGTH: usize = 24;
const CONTENT_LENGTH: &[u8] = b"Content-Length:";
/// What Chromium sends with a form.
const CHROMIUM: &str = "\
    Host: shop.example\r\n\
    Connection: keep-alive\r\n\
    Cache-Control: max-age=0\r\n\
    sec-ch-ua: \"Chromium\";v=\"142\", \"Not_A Brand\";v=\"99\"\r\n\
    sec-ch-ua-mobile: ?0\r\n\
    sec-ch-ua-platform: \"Windows\"\r\n\
    Origin: http://shop.example\r\n\
    Content-Type: application/x-www-form-urlencoded\r\n\
    Upgrade-Insecure-Requests: 1\r\n\
    User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
    Chrome/142.0.0.0 Safari/537.36\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,\
    application/signed-exchange;v=b3;q=0.7\r\n\
    Sec-Fetch-Site: same-origin\r\n\
    Sec-Fetch-Mode: navigate\r\n\
    Sec-Fetch-User: ?1\r\n\
    Sec-Fetch-Dest: document\r\n\
    Referer: http://shop.example/orders/edit.aspx?id=4711\r\n\
    Accept-Encoding: gzip, deflate\r\n\
    Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n";
/// What a site like it, and what measures it, have set before its session.
const COOKIES: &str = "_ga=GA1.1.1386402475.1795255200; _ga_5XZ2N0QK7B=GS2.1.s1795255200$o3$g1$t1795255260$j60$l0$h0; \
    consent=necessary%2Cstatistics; theme=dark; ";
/// What a browser sends with each request, in its usual length.
const HEADERS: &str = "\
    Host: shop.example\r\n\
    User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
    Accept-Language: en-GB,en;q=0.5\r\n\
    Accept-Encoding: gzip, deflate, br\r\n\
    Referer: http://shop.example/catalogue/\r\n";
