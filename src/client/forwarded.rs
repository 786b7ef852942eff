//! Forwarding headers: who the client is, as trusted proxies have it.
//!
//! Guarantees: only what a trusted proxy has written is believed. The list is read from its right end, where the nearest
//! proxy appended, over all lines as one, to the first address that is no trusted proxy; what stands left of it, or of
//! an entry that cannot be read, is anybody's invention and not looked at. Nothing is allocated but for an address with
//! escapes in it. Does not do: change headers; `gateway` does.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::{ClientIp, ForwardingHeader, Known, PeerAddr, Settings};

/// Who asks, and how that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The client.
    pub ip: ClientIp,
    /// Whose word that is.
    pub via: Via,
}

/// How a request came, as far as its address is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// From the client itself.
    Direct,
    /// Through a trusted proxy, whose forwarding headers are believed.
    Proxied,
    /// With forwarding headers from a peer that is no trusted proxy; they are not believed.
    Spoofed,
}

impl Settings {
    /// Who asks, given the `peer` and the header of the request as it came.
    ///
    /// The peer itself, unless it is a trusted proxy. Then the nearest hop that is not one; if all are, the farthest; if
    /// a hop cannot be read (RFC 7239 6: `unknown`, `_hidden`), the one right of it.
    pub fn client(&self, peer: PeerAddr, headers: &HeaderMap) -> Resolved {
        let (peer, known) = (peer.client(), peer.known);
        if !self.trusted_proxies.contains(peer) {
            let mut forwarded = FORWARDING_HEADERS.iter();
            let via = match known {
                Known::BySocket if forwarded.any(|name| headers.contains_key(name)) => Via::Spoofed,
                // A proxy that sends PROXY headers may well send these too; it has said who it is.
                Known::BySocket | Known::ByProxy => Via::Direct,
            };
            return Resolved { ip: peer, via };
        }
        let lines = |name| {
            headers
                .get_all(name)
                .iter()
                .rev()
                .map(HeaderValue::as_bytes)
        };
        let ip = match self.header {
            ForwardingHeader::XForwardedFor => {
                let entries =
                    lines(X_FORWARDED_FOR).flat_map(|line| line.rsplit(|byte| *byte == b','));
                self.farthest_believed(peer, entries.map(hop))
            }
            ForwardingHeader::Forwarded => {
                let elements =
                    lines(header::FORWARDED).flat_map(|line| line.rsplit(outside_quotes(b',')));
                self.farthest_believed(peer, elements.map(for_of))
            }
            ForwardingHeader::XRealIp => {
                let mut lines = lines(X_REAL_IP);
                let only = lines.next().filter(|_| lines.next().is_none());
                only.and_then(hop).unwrap_or(peer)
            }
        };
        Resolved {
            ip,
            via: Via::Proxied,
        }
    }

    /// The last of `hops`, nearest first, that a trusted proxy vouches for; None is a hop that cannot be read.
    pub(super) fn farthest_believed(
        &self,
        peer: ClientIp,
        hops: impl Iterator<Item = Option<ClientIp>>,
    ) -> ClientIp {
        let mut believed = peer;
        for hop in hops {
            let Some(hop) = hop else { break };
            believed = hop;
            if !self.trusted_proxies.contains(hop) {
                break;
            }
        }
        believed
    }
}

/// The `for` of one element of `Forwarded` (RFC 7239 4), which it has once.
fn for_of(element: &[u8]) -> Option<ClientIp> {
    let mut nodes = element.rsplit(outside_quotes(b';')).filter_map(|pair| {
        let equals = pair.iter().position(|byte| *byte == b'=')?;
        let (name, value) = (&pair[..equals], &pair[equals + 1..]);
        name.trim_ascii()
            .eq_ignore_ascii_case(b"for")
            .then_some(value)
    });
    let only = nodes.next().filter(|_| nodes.next().is_none())?;
    let node = unquoted(only.trim_ascii())?;
    let hidden_port = node.windows(2).position(|pair| pair == b":_");
    hop(&node[..hidden_port.unwrap_or(node.len())])
}

/// A value without its quotes and escapes (RFC 9110 5.6.4).
fn unquoted(value: &[u8]) -> Option<Cow<'_, [u8]>> {
    let Some(quoted) = value.strip_prefix(b"\"") else {
        return Some(value.into());
    };
    let quoted = quoted.strip_suffix(b"\"")?;
    if !quoted.contains(&b'\\') {
        return Some(quoted.into());
    }
    if quoted.len() > 2 * LONGEST_HOP {
        return None;
    }
    let mut bytes = quoted.iter().copied();
    let mut plain = Vec::with_capacity(quoted.len());
    while let Some(byte) = bytes.next() {
        plain.push(if byte == b'\\' { bytes.next()? } else { byte });
    }
    Some(plain.into())
}

/// Says of each byte, from the right, whether it is a `separator` outside of quotes.
///
/// From the right, since what a trusted proxy appended is well-formed, and a quote that a client left open before it
/// must not swallow it.
fn outside_quotes(separator: u8) -> impl FnMut(&u8) -> bool {
    enum Place {
        Outside,
        Inside,
        /// Behind the quote that opens the string, unless an odd number of backslashes escapes it.
        Edge {
            backslashes: usize,
        },
    }
    let mut place = Place::Outside;
    move |byte| {
        if let Place::Edge { backslashes } = &mut place {
            if *byte == b'\\' {
                *backslashes += 1;
                return false;
            }
            place = match *backslashes % 2 {
                0 => Place::Outside,
                _ => Place::Inside,
            };
        }
        match place {
            Place::Outside if *byte == b'"' => place = Place::Inside,
            Place::Inside if *byte == b'"' => place = Place::Edge { backslashes: 0 },
            Place::Outside => return *byte == separator,
            Place::Inside | Place::Edge { .. } => {}
        }
        false
    }
}

/// One hop: an address, with or without a port, an IPv6 address with or without brackets (IIS's ARR writes `ip:port`).
fn hop(entry: &[u8]) -> Option<ClientIp> {
    let entry = entry.trim_ascii();
    if entry.len() > LONGEST_HOP {
        return None;
    }
    let text = str::from_utf8(entry).ok()?;
    let bare = || text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    let in_brackets = || {
        let address = text.strip_prefix('[')?.strip_suffix(']')?;
        address.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
    };
    let address = bare().or_else(with_port).or_else(in_brackets)?;
    Some(ClientIp::new(address))
}

/// Longer than any address with a port.
const LONGEST_HOP: usize = 64;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// Those that name a client, whichever of them is believed.
static FORWARDING_HEADERS: [HeaderName; 3] = [X_FORWARDED_FOR, header::FORWARDED, X_REAL_IP];
