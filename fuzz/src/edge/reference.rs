//! What a client's bytes say, read by the letter of RFC 9112: the reference that the edge is held against.
//!
//! Guarantees: where the RFC lets a recipient choose, the more tolerant reading is here, since Onelane may refuse more;
//! what no recipient may accept ends the reading. Written without the product's parsers.
//! Does not do: know Onelane's limits.

use std::fmt;

use super::wire::{self, Field, shown, shown_fields};

/// All that a client said.
#[derive(Debug)]
pub(super) struct Reference {
    /// The requests, in order; of the last one, the body may be cut.
    pub(super) requests: Vec<Request>,
    /// What comes behind them.
    pub(super) end: End,
    /// The method of a head behind them, whose body nobody can find.
    pub(super) unframed: Option<Vec<u8>>,
}

/// A request.
pub(super) struct Request {
    pub(super) method: Vec<u8>,
    /// In origin form.
    pub(super) target: Vec<u8>,
    /// None when the client names none (HTTP/1.0).
    pub(super) host: Option<Vec<u8>>,
    pub(super) fields: Vec<Field>,
    pub(super) body: Vec<u8>,
    pub(super) extent: Extent,
    pub(super) fate: Fate,
}

/// How much of a request there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    Whole,
    /// Its body is not whole, or not valid.
    Cut,
}

/// What may become of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is odd; the proxy may refuse it.
    May,
    /// It is ordinary: it has to be served.
    Must,
    /// It must not reach the application, for this reason.
    MustNot(&'static str),
}

/// What comes behind the requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Nothing.
    Boundary,
    /// The last request ends the connection; whatever comes is not read.
    Closed,
    /// A head or a body that is not whole.
    Incomplete,
    /// Something that is no HTTP, for this reason.
    Invalid(&'static str),
}

/// A request head.
struct Head {
    method: Vec<u8>,
    target: Vec<u8>,
    minor: u8,
    fields: Vec<Field>,
    /// Whether it is spelled as plainly as can be.
    plain: bool,
}

/// How long a body is.
enum Framing {
    Chunked,
    Length(u64),
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &shown(&self.method))
            .field("target", &shown(&self.target))
            .field("host", &self.host.as_deref().map(shown))
            .field("fields", &shown_fields(&self.fields))
            .field("body", &shown(&self.body))
            .field("extent", &self.extent)
            .field("fate", &self.fate)
            .finish()
    }
}

/// What comes next.
enum Next<'b> {
    /// A whole request.
    Request {
        request: Box<Request>,
        last: bool,
        behind: &'b [u8],
    },
    /// The end, and what there is of a request before it.
    End { cut: Option<Box<Request>>, end: End },
    /// A head whose body nobody can find.
    Unframed {
        method: Vec<u8>,
        reason: &'static str,
    },
}

/// Reads all that a client sent.
pub(super) fn read(bytes: &[u8]) -> Reference {
    let mut requests = Vec::new();
    let mut rest = bytes;
    loop {
        match next(rest) {
            Next::Request {
                request,
                last,
                behind,
            } => {
                requests.push(*request);
                if last {
                    return Reference {
                        requests,
                        end: End::Closed,
                        unframed: None,
                    };
                }
                rest = behind;
            }
            Next::End { cut, end } => {
                requests.extend(cut.map(|request| *request));
                return Reference {
                    requests,
                    end,
                    unframed: None,
                };
            }
            Next::Unframed { method, reason } => {
                return Reference {
                    requests,
                    end: End::Invalid(reason),
                    unframed: Some(method),
                };
            }
        }
    }
}

fn next(bytes: &[u8]) -> Next<'_> {
    let (head, behind) = match head(bytes) {
        Ok(read) => read,
        Err(end) => return Next::End { cut: None, end },
    };
    let (framing, odd) = match framing(&head) {
        Ok(framing) => framing,
        Err(reason) => {
            let method = head.method;
            return Next::Unframed { method, reason };
        }
    };
    let mut request = Box::new(judged(&head, &framing, odd));
    let mut body = Body {
        bytes: Vec::new(),
        plain: true,
    };
    let read = match framing {
        Framing::Length(length) => of_length(behind, length, &mut body),
        Framing::Chunked => chunked(behind, &mut body),
    };
    let ordinary = body.plain && body.bytes.len() <= LARGEST && read.is_ok();
    if request.fate == Fate::Must && !ordinary {
        request.fate = Fate::May;
    }
    request.body = body.bytes;
    match read {
        Ok(behind) => Next::Request {
            request,
            last: is_last(&head),
            behind,
        },
        Err(end) => {
            request.extent = Extent::Cut;
            let cut = Some(request);
            Next::End { cut, end }
        }
    }
}

/// RFC 9112 sections 2 and 5. A line may end with LF alone (2.2).
fn head(bytes: &[u8]) -> Result<(Head, &[u8]), End> {
    let mut rest = bytes;
    while let [b'\n', behind @ ..] | [b'\r', b'\n', behind @ ..] = rest {
        rest = behind;
    }
    if rest.is_empty() || rest == b"\r" {
        return Err(if bytes.is_empty() {
            End::Boundary
        } else {
            End::Incomplete
        });
    }
    let mut plain = rest.len() == bytes.len();
    let start = rest;
    let (first, behind) = any_line(rest, &mut plain)?;
    let (method, target, minor) = request_line(first)?;
    rest = behind;
    let mut fields = Vec::new();
    loop {
        let (line, behind) = any_line(rest, &mut plain)?;
        rest = behind;
        if line.is_empty() {
            break;
        }
        let field = wire::field(line).ok_or(End::Invalid("a line that is no field"))?;
        fields.push(field);
    }
    plain &= fields.len() <= 50 && start.len() - rest.len() <= 4000;
    let (method, target) = (method.to_vec(), target.to_vec());
    Ok((
        Head {
            method,
            target,
            minor,
            fields,
            plain,
        },
        rest,
    ))
}

/// A line up to CRLF or LF.
fn any_line<'b>(bytes: &'b [u8], plain: &mut bool) -> Result<(&'b [u8], &'b [u8]), End> {
    let at = bytes
        .iter()
        .position(|byte| *byte == b'\n')
        .ok_or(End::Incomplete)?;
    let line = match bytes[..at].strip_suffix(b"\r") {
        Some(line) => line,
        None => {
            *plain = false;
            &bytes[..at]
        }
    };
    Ok((line, &bytes[at + 1..]))
}

fn request_line(line: &[u8]) -> Result<(&[u8], &[u8], u8), End> {
    let mut parts = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(End::Invalid("a request line without three parts"));
    };
    if !wire::is_token(method) {
        return Err(End::Invalid("a method that is no token"));
    }
    if target.is_empty()
        || !target
            .iter()
            .all(|byte| matches!(byte, b'!'..=b'~' | 0x80..))
    {
        return Err(End::Invalid("a target with odd characters"));
    }
    match version {
        b"HTTP/1.1" => Ok((method, target, 1)),
        b"HTTP/1.0" => Ok((method, target, 0)),
        _ => Err(End::Invalid("another version")),
    }
}

/// RFC 9112 section 6.3; and whether it is to be refused although it is clear.
fn framing(head: &Head) -> Result<(Framing, Option<&'static str>), &'static str> {
    let codings = wire::values(&head.fields, "transfer-encoding");
    let lengths = wire::values(&head.fields, "content-length");
    if !codings.is_empty() {
        if head.minor == 0 {
            return Err("a Transfer-Encoding in HTTP/1.0");
        }
        let members = wire::members(&codings);
        let chunked = members
            .iter()
            .filter(|member| **member == b"chunked")
            .count();
        if chunked != 1 || members.last().is_none_or(|last| last != b"chunked") {
            return Err("a Transfer-Encoding that is not chunked once, at its end");
        }
        let odd = (codings != [b"chunked"] && !codings[0].eq_ignore_ascii_case(b"chunked"))
            || codings.len() > 1;
        return Ok((
            Framing::Chunked,
            odd.then_some("another Transfer-Encoding than chunked"),
        ));
    }
    let mut length = None;
    for value in lengths {
        for member in value.split(|byte| *byte == b',') {
            let member = wire::number(wire::trimmed(member), 10)
                .ok_or("a Content-Length that is no number")?;
            if *length.get_or_insert(member) != member {
                return Err("two Content-Lengths");
            }
        }
    }
    Ok((Framing::Length(length.unwrap_or(0)), None))
}

/// A body as it is read.
struct Body {
    bytes: Vec<u8>,
    plain: bool,
}

fn of_length<'b>(bytes: &'b [u8], length: u64, body: &mut Body) -> Result<&'b [u8], End> {
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    match bytes.split_at_checked(length) {
        Some((all, behind)) => {
            body.bytes = all.to_vec();
            Ok(behind)
        }
        None => {
            body.bytes = bytes.to_vec();
            Err(End::Incomplete)
        }
    }
}

/// RFC 9112 section 7.1, with CRLF alone. What is in an extension or a trailer does not matter, since none is forwarded.
fn chunked<'b>(bytes: &'b [u8], body: &mut Body) -> Result<&'b [u8], End> {
    let mut rest = bytes;
    loop {
        let (size, behind) = strict_line(rest)?;
        rest = behind;
        let digits = size
            .iter()
            .take_while(|byte| byte.is_ascii_hexdigit())
            .count();
        let (digits, extension) = size.split_at(digits);
        let size = wire::number(digits, 16).ok_or(End::Invalid("a chunk without a size"))?;
        body.plain &= extension.is_empty() && digits.len() < 8;
        if !matches!(wire::trimmed(extension), [] | [b';', ..]) {
            return Err(End::Invalid("a chunk size with something behind it"));
        }
        if size == 0 {
            break;
        }
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let Some((data, behind)) = rest.split_at_checked(size) else {
            body.bytes.extend_from_slice(rest);
            return Err(End::Incomplete);
        };
        body.bytes.extend_from_slice(data);
        rest = match behind {
            [b'\r', b'\n', behind @ ..] => behind,
            [] | [b'\r'] => return Err(End::Incomplete),
            _ => return Err(End::Invalid("a chunk without its end")),
        };
    }
    loop {
        let (trailer, behind) = strict_line(rest)?;
        rest = behind;
        if trailer.is_empty() {
            return Ok(rest);
        }
        body.plain = false;
    }
}

/// A line that ends with CRLF; CR alone is never in one.
fn strict_line(bytes: &[u8]) -> Result<(&[u8], &[u8]), End> {
    let at = bytes
        .iter()
        .position(|byte| *byte == b'\r')
        .ok_or(End::Incomplete)?;
    match &bytes[at + 1..] {
        [] => Err(End::Incomplete),
        [b'\n', behind @ ..] => Ok((&bytes[..at], behind)),
        _ => Err(End::Invalid("a CR alone")),
    }
}

/// RFC 9112 section 9.3 and 6.1: what both frame the body is the last request.
fn is_last(head: &Head) -> bool {
    let values = wire::values(&head.fields, "connection");
    let visible: Vec<&[u8]> = values
        .into_iter()
        .filter(|value| value.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~')))
        .collect();
    let options = wire::members(&visible);
    let has = |option: &[u8]| options.iter().any(|known| known == option);
    let both = !wire::values(&head.fields, "transfer-encoding").is_empty()
        && !wire::values(&head.fields, "content-length").is_empty();
    both || has(b"close") || (head.minor == 0 && !has(b"keep-alive"))
}

/// A request without its body yet.
fn judged(head: &Head, framing: &Framing, odd: Option<&'static str>) -> Request {
    let hosts = wire::values(&head.fields, "host");
    let mut refused = odd;
    let mut refuse = |reason| refused = refused.or(Some(reason));
    if matches!(&*head.method, b"CONNECT" | b"TRACE") {
        refuse("CONNECT and TRACE are not for the application");
    }
    if hosts.len() > 1 || (hosts.is_empty() && head.minor == 1) {
        refuse("not one Host");
    }
    if hosts.iter().any(|host| !is_host(host)) {
        refuse("a Host that is none");
    }
    for expectation in wire::values(&head.fields, "expect") {
        if !expectation.eq_ignore_ascii_case(b"100-continue") {
            refuse("an expectation that nobody knows");
        }
    }
    let (authority, target) = match origin_form(&head.target) {
        Some(parts) => parts,
        None => {
            refuse("a target that is neither in origin form nor absolute");
            (None, head.target.clone())
        }
    };
    if authority
        .as_deref()
        .is_some_and(|authority| !is_host(authority))
    {
        refuse("a target with an authority that is none");
    }
    let ordinary = head.plain && authority.is_none() && is_ordinary(head, framing);
    Request {
        method: head.method.clone(),
        target,
        host: authority.or_else(|| hosts.first().map(|host| host.to_vec())),
        fields: head.fields.clone(),
        body: Vec::new(),
        extent: Extent::Whole,
        fate: match refused {
            Some(reason) => Fate::MustNot(reason),
            None if ordinary => Fate::Must,
            None => Fate::May,
        },
    }
}

/// RFC 9112 section 3.2: the authority of an absolute target, and the origin form, without a fragment.
fn origin_form(target: &[u8]) -> Option<(Option<Vec<u8>>, Vec<u8>)> {
    let whole = target.split(|byte| *byte == b'#').next()?;
    if whole.starts_with(b"/") {
        return Some((None, whole.to_vec()));
    }
    let at = whole.windows(3).position(|window| window == b"://")?;
    let (scheme, rest) = (&whole[..at], &whole[at + 3..]);
    let is_scheme = scheme.first()?.is_ascii_alphabetic()
        && scheme
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte));
    if !is_scheme {
        return None;
    }
    let end = rest
        .iter()
        .position(|byte| b"/?".contains(byte))
        .unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let mut origin = Vec::new();
    if !path.starts_with(b"/") {
        origin.push(b'/');
    }
    origin.extend_from_slice(path);
    Some((Some(authority.to_vec()), origin))
}

/// RFC 3986 section 3.2 without user information: a name or an address, and a port.
fn is_host(host: &[u8]) -> bool {
    let (name, port) = match host {
        [b'[', rest @ ..] => {
            let Some(end) = rest.iter().position(|byte| *byte == b']') else {
                return false;
            };
            if !rest[..end]
                .iter()
                .all(|byte| is_name(*byte) || *byte == b':')
            {
                return false;
            }
            (&b""[..], &rest[end + 1..])
        }
        _ => host.split_at(
            host.iter()
                .position(|byte| *byte == b':')
                .unwrap_or(host.len()),
        ),
    };
    let port = match port {
        [] => &b""[..],
        [b':', port @ ..] => port,
        _ => return false,
    };
    name.iter().all(|byte| is_name(*byte) || *byte == b'%') && port.iter().all(u8::is_ascii_digit)
}

/// Unreserved characters and sub-delims.
fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte)
}

/// Whether nobody could find anything odd in it.
fn is_ordinary(head: &Head, framing: &Framing) -> bool {
    let fields = &head.fields;
    let plain = |bytes: &[u8], more: &[u8]| {
        bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || more.contains(byte))
    };
    let lengths = wire::values(fields, "content-length");
    let is_length = |value: &&[u8]| plain(value, b"") && (value.len() == 1 || value[0] != b'0');
    let host = wire::values(fields, "host").concat();
    head.minor == 1
        && METHODS.contains(&&*head.method)
        && plain(&head.target, b"/-_~?=&")
        && !host.is_empty()
        && plain(&host, b"-")
        && fields.iter().all(|(_, value)| value.is_ascii())
        && !fields.iter().any(|(name, _)| ODD.contains(&&**name))
        && wire::members(&wire::values(fields, "connection"))
            .iter()
            .all(|option| matches!(&**option, b"close" | b"keep-alive"))
        && match framing {
            Framing::Length(_) => lengths.len() < 2 && lengths.iter().all(is_length),
            Framing::Chunked => lengths.is_empty(),
        }
}

const METHODS: [&[u8]; 7] = [
    b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"PATCH", b"OPTIONS",
];
/// Fields that give a proxy a reason to refuse, or to close.
const ODD: [&[u8]; 4] = [b"expect", b"upgrade", b"http2-settings", b"max-forwards"];
/// The largest body that the proxy here has to take, bytes.
pub(super) const LARGEST: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(bytes: &str) -> (Vec<Fate>, End) {
        let Reference { requests, end, .. } = read(bytes.as_bytes());
        (requests.iter().map(|request| request.fate).collect(), end)
    }

    #[test]
    fn ordinary_requests_must_be_served() {
        let two = "GET /a HTTP/1.1\r\nHost: site\r\n\r\nPOST /b?c HTTP/1.1\r\nHost: site\r\nContent-Length: 2\r\n\r\nhi";
        assert_eq!(ends(two), (vec![Fate::Must; 2], End::Boundary));
        let chunked = "PUT /a HTTP/1.1\r\nHost: site\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n";
        assert_eq!(ends(chunked), (vec![Fate::Must], End::Boundary));
        assert_eq!(read(chunked.as_bytes()).requests[0].body, b"hi");
    }

    #[test]
    fn what_cannot_be_framed_ends_the_reading() {
        for odd in [
            "Content-Length: 1\r\nContent-Length: 2",
            "Content-Length: +1",
            "Transfer-Encoding: chunked, identity",
            "Transfer-Encoding: chunked, chunked",
            "Content-Length : 1",
            "A: b\r\n c",
            "A: b\rc",
        ] {
            let text = format!(
                "POST / HTTP/1.1\r\nHost: site\r\n{odd}\r\n\r\nxGET / HTTP/1.1\r\nHost: site\r\n\r\n"
            );
            let (fates, end) = ends(&text);
            assert!(
                fates.is_empty() && matches!(end, End::Invalid(_)),
                "{odd}: {end:?}"
            );
        }
        let cut = "POST / HTTP/1.1\r\nHost: site\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n";
        assert_eq!(read(cut.as_bytes()).requests[0].extent, Extent::Cut);
    }

    #[test]
    fn what_is_refused_is_framed_all_the_same() {
        let text = "GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\nHost: site\r\nConnection: close\r\n\r\nGET /never";
        let (fates, end) = ends(text);
        assert_eq!(fates, [Fate::MustNot("not one Host"), Fate::Must]);
        assert_eq!(end, End::Closed);
    }
}
