//! PROXY headers: what they say is read as the protocol has it, and not a byte behind them is taken.
//!
//! Guarantees: both versions are read a second time by a plain reading of HAProxy's proxy-protocol.txt.
//! Does not do: time and trust; the product's own tests do.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use onelane::server::{Beginning, beginning};

/// Reads the first bytes of one connection.
///
/// # Panics
/// When a promise of the reader of PROXY headers is broken.
pub fn proxy_protocol(bytes: &[u8]) {
    let all = beginning(bytes);
    what_is_known_stays_so(bytes);
    let Beginning::Whole(header) = all else {
        // What is certainly right is taken.
        assert_eq!(version_1(bytes), None, "{all:?}");
        assert_eq!(version_2(bytes), None, "{all:?}");
        return;
    };
    assert!(
        header.length <= bytes.len() && header.length <= LONGEST,
        "{header:?}"
    );
    let read = version_1(bytes).or_else(|| version_2(bytes));
    assert_eq!(
        Some((header.length, header.source)),
        read,
        "{}",
        bytes.escape_ascii()
    );
}

/// However the bytes are cut on their way.
fn what_is_known_stays_so(bytes: &[u8]) {
    let mut before = beginning(b"");
    for length in 1..=bytes.len().min(300) {
        let now = beginning(&bytes[..length]);
        match before {
            Beginning::Unclear => {}
            Beginning::Header => {
                let undone = matches!(now, Beginning::Unclear | Beginning::Else);
                assert!(!undone, "a header is none after {length} bytes: {now:?}");
            }
            Beginning::Else | Beginning::Whole(_) | Beginning::Wrong(_) => {
                assert_eq!(before, now, "after {length} bytes");
            }
        }
        before = now;
    }
}

/// A whole header of version 1: its length, and whom it names (section 2.1).
fn version_1(bytes: &[u8]) -> Option<(usize, Option<SocketAddr>)> {
    let end = bytes.iter().take(107).position(|byte| *byte == b'\n')?;
    let rest = bytes[..end].strip_suffix(b"\r")?.strip_prefix(b"PROXY ")?;
    if rest.starts_with(b"UNKNOWN") {
        return (!rest.contains(&b'\r')).then_some((end + 1, None)); // whatever else is behind it
    }
    let mut parts = std::str::from_utf8(rest).ok()?.split(' ');
    let family = parts.next()?;
    let (source, destination) = (parts.next()?, parts.next()?);
    let (port, other) = (number(parts.next()?)?, number(parts.next()?)?);
    let address = |text: &str| -> Option<IpAddr> {
        match family {
            "TCP4" => text.parse().ok().map(IpAddr::V4),
            "TCP6" => text.parse().ok().map(IpAddr::V6),
            _ => None,
        }
    };
    let (source, _) = (address(source)?, address(destination)?);
    let _ = other; // of the destination
    parts
        .next()
        .is_none()
        .then_some((end + 1, Some(SocketAddr::new(source, port))))
}

/// A port. The library behind the reader takes a `+` before it; only a trusted proxy could send one.
fn number(digits: &str) -> Option<u16> {
    let digits = digits.strip_prefix('+').unwrap_or(digits);
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok())?
}

/// A whole header of version 2 (section 2.2).
fn version_2(bytes: &[u8]) -> Option<(usize, Option<SocketAddr>)> {
    let [command, family, high, low, rest @ ..] = bytes.strip_prefix(b"\r\n\r\n\0\r\nQUIT\n")?
    else {
        return None;
    };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    if length + 16 > LONGEST {
        return None;
    }
    let rest = rest.get(..length)?;
    let port = |at: usize| Some(u16::from_be_bytes([*rest.get(at)?, *rest.get(at + 1)?]));
    let source = match (command, family) {
        (0x20, _) => None,
        (0x21, 0x11) => {
            let [a, b, c, d, ..] = rest.get(..12)? else {
                return None;
            };
            Some(SocketAddr::new(
                Ipv4Addr::new(*a, *b, *c, *d).into(),
                port(8)?,
            ))
        }
        (0x21, 0x21) => {
            let address: [u8; 16] = rest.get(..36)?.get(..16)?.try_into().ok()?;
            Some(SocketAddr::new(Ipv6Addr::from(address).into(), port(32)?))
        }
        // Datagrams and sockets of one machine say nothing of a client.
        (0x21, 0x00) => None,
        (0x21, 0x12) => rest.get(..12).map(|_| None)?,
        (0x21, 0x22) => rest.get(..36).map(|_| None)?,
        (0x21, 0x31 | 0x32) => rest.get(..216).map(|_| None)?,
        _ => return None,
    };
    Some((16 + length, source))
}

/// The longest header that is taken, bytes.
const LONGEST: usize = 4096;
