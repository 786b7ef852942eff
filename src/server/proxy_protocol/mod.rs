//! The PROXY header: who is connected, as a balancer that passes bytes says it (HAProxy's `proxy-protocol.txt`, 1 and 2).
//!
//! Guarantees: a header is believed from a trusted proxy alone; what follows it stays in the socket to its last byte; a
//! header takes no more than [`LONGEST`] bytes and the time it is given.
//! Does not do: TLVs, and with them the checksum; the balancer is trusted. Send headers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use proxy_header::{ParseConfig, Protocol, ProxyHeader};
use tokio::time::timeout;

use crate::client::{Networks, PeerAddr, ProxyProtocol};
use crate::gateway::Seldom;
use crate::metrics;
use crate::socket::Socket;

/// Why a connection is closed before it is spoken on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProxyFault {
    /// The header is not what the protocol allows.
    #[error("its PROXY header is malformed")]
    Malformed,
    /// Something else came where a header is required.
    #[error("it does not begin with a PROXY header")]
    Missing,
    /// The header was begun and not ended in time.
    #[error("its PROXY header did not come in time")]
    Overdue,
    /// The header is longer than anybody needs.
    #[error("its PROXY header is too long")]
    TooLong,
    /// The connection ended within the header.
    #[error("it ended within its PROXY header")]
    Truncated,
    /// The peer is no trusted proxy.
    #[error("its peer is no trusted proxy")]
    Untrusted,
    /// Nothing came at all, as from a balancer that only looks whether somebody listens; not counted.
    #[error("nothing was sent")]
    Silent,
}

/// Counts the connections that are closed for their PROXY header, and warns of them now and then; one per core.
#[derive(Debug)]
pub(super) struct ProxyFaults {
    metrics: Arc<metrics::Core>,
    strangers: Seldom,
    others: Seldom,
}

/// What the first bytes of a connection are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beginning {
    /// Too few to say, or none.
    Unclear,
    /// Not those of a header.
    Else,
    /// A header that is not all there.
    Header,
    /// A whole header.
    Whole(Header),
    /// A header that nobody may send.
    Wrong(ProxyFault),
}

/// A header that has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its own length, bytes.
    pub length: usize,
    /// None when the proxy speaks for itself, or of something else than TCP.
    pub source: Option<SocketAddr>,
}

/// Who is connected: `peer`, or whom its PROXY header names. To be called before anything else reads `socket`; what
/// follows the header is then the next to be read.
///
/// Cancel safe: a header that was not read whole is still there.
///
/// # Errors
/// Why the connection is to be closed.
pub(super) async fn read(
    socket: &Socket,
    peer: PeerAddr,
    mode: ProxyProtocol,
    trusted: &Networks,
    patience: Duration,
) -> Result<PeerAddr, ProxyFault> {
    if mode == ProxyProtocol::Off {
        return Ok(peer);
    }
    let is_trusted = trusted.contains(peer.client());
    if mode == ProxyProtocol::Require && !is_trusted {
        return Err(ProxyFault::Untrusted);
    }
    let (mut last, mut seen) = (Beginning::Unclear, 0);
    let judge = |bytes: &[u8]| {
        (last, seen) = (beginning(bytes), bytes.len());
        match last {
            Beginning::Header if !is_trusted => Some(()),
            Beginning::Unclear | Beginning::Header => None,
            Beginning::Else | Beginning::Whole(_) | Beginning::Wrong(_) => Some(()),
        }
    };
    let looked = timeout(patience, socket.look_ahead(judge)).await;
    let is_late = looked.is_err();
    match last {
        Beginning::Header | Beginning::Whole(_) | Beginning::Wrong(_) if !is_trusted => {
            Err(ProxyFault::Untrusted)
        }
        Beginning::Whole(header) => {
            socket.skip_ahead(header.length);
            Ok(header.source.map_or(peer, PeerAddr::named))
        }
        Beginning::Wrong(fault) => Err(fault),
        Beginning::Header | Beginning::Unclear if is_late && seen > 0 => Err(ProxyFault::Overdue),
        Beginning::Unclear if is_late => Err(ProxyFault::Silent),
        // HTTP says what is wrong with it, if anything.
        Beginning::Else | Beginning::Unclear if mode == ProxyProtocol::Accept => Ok(peer),
        Beginning::Else => Err(ProxyFault::Missing),
        Beginning::Unclear if seen == 0 => Err(ProxyFault::Silent),
        Beginning::Header | Beginning::Unclear => Err(ProxyFault::Truncated),
    }
}

/// What `bytes`, the first of a connection, are so far. A prefix of the signature may still become something else: `PRO`
/// is also the beginning of PROPFIND, and empty lines may precede an HTTP request (RFC 9112 2.2). All of the reader but
/// the socket, open to fuzzing.
#[must_use]
pub fn beginning(bytes: &[u8]) -> Beginning {
    if bytes.starts_with(V1) {
        version_1(&bytes[..bytes.len().min(V1_LONGEST)])
    } else if bytes.starts_with(V2) {
        version_2(bytes)
    } else if V1.starts_with(bytes) || V2.starts_with(bytes) {
        Beginning::Unclear
    } else {
        Beginning::Else
    }
}

/// One line.
fn version_1(bytes: &[u8]) -> Beginning {
    match bytes.iter().position(|byte| *byte == b'\n') {
        Some(end) => parsed(&bytes[..=end]),
        None if bytes.len() < V1_LONGEST => Beginning::Header,
        None => Beginning::Wrong(ProxyFault::TooLong),
    }
}

/// The signature, the version with the command, the family, the length of the rest in two bytes, and the rest.
fn version_2(bytes: &[u8]) -> Beginning {
    let Some([command, _, high, low]) = bytes[V2.len()..].first_chunk() else {
        return Beginning::Header;
    };
    let length = V2.len() + 4 + usize::from(u16::from_be_bytes([*high, *low]));
    if length > LONGEST {
        return Beginning::Wrong(ProxyFault::TooLong);
    }
    match bytes.get(..length) {
        None => Beginning::Header,
        // The family of such a header counts for nothing, whatever it is (2.2).
        Some(_) if *command == V2_LOCAL => Beginning::Whole(Header {
            length,
            source: None,
        }),
        Some(header) => parsed(header),
    }
}

/// The header that `bytes` are, to the last.
fn parsed(bytes: &[u8]) -> Beginning {
    let config = ParseConfig {
        include_tlvs: false,
        ..ParseConfig::default()
    };
    match ProxyHeader::parse(bytes, config) {
        Ok((header, length)) => {
            let address = header.proxied_address();
            let tcp = address.filter(|address| address.protocol == Protocol::Stream);
            Beginning::Whole(Header {
                length,
                source: tcp.map(|address| address.source),
            })
        }
        Err(_) => Beginning::Wrong(ProxyFault::Malformed),
    }
}

impl ProxyFault {
    /// The labels of those that are counted, in the order of declaration.
    pub const LABELS: [&'static str; 6] = [
        "malformed",
        "missing",
        "overdue",
        "too_long",
        "truncated",
        "untrusted",
    ];
}

impl ProxyFaults {
    /// None yet.
    pub(super) fn new(metrics: Arc<metrics::Core>) -> Self {
        Self {
            metrics,
            strangers: Seldom::default(),
            others: Seldom::default(),
        }
    }

    /// The connection of `peer` is closed because of `fault`.
    pub(super) fn tell(&self, peer: PeerAddr, fault: ProxyFault, now: Instant) {
        let peer = peer.client();
        match fault {
            ProxyFault::Silent => return,
            ProxyFault::Untrusted if self.strangers.may(now) => tracing::warn!(
                "a connection from {peer}, which is no trusted proxy, is closed: PROXY headers are taken from trusted \
                 ones alone; if it is your balancer, add {} to client.trusted_proxies (warned once a minute)",
                peer.cidr()
            ),
            ProxyFault::Untrusted => {}
            _ if self.others.may(now) => {
                tracing::warn!(
                    "a connection from {peer} is closed: {fault} (warned once a minute)"
                );
            }
            _ => {}
        }
        self.metrics.proxy_fault(fault as usize);
    }
}

const V1: &[u8] = b"PROXY ";
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// Version 2, command LOCAL: the proxy itself asks, mostly whether we are well.
const V2_LOCAL: u8 = 0x20;

/// The longest header of version 1, with its line end (2.1).
const V1_LONGEST: usize = 107;

/// The longest header that is taken. The format allows 64 KiB, addresses and the usual TLVs are below 1 KiB.
const LONGEST: usize = 4 * 1024;

#[cfg(test)]
mod tests;
