//! Headers whole, in pieces, broken and foreign, over real sockets.

use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::socket::SocketIo;

const PATIENCE: Duration = Duration::from_secs(10);
const HTTP: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const LINE: &[u8] = b"PROXY TCP4 198.51.100.7 10.0.0.9 51234 443\r\n";

/// A loopback connection: the client's end, and ours.
async fn pair() -> (TcpStream, Arc<Socket>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap());
    let (client, accepted) = tokio::join!(client, listener.accept());
    let client = client.unwrap();
    client.set_nodelay(true).unwrap();
    (client, Socket::tcp(accepted.unwrap().0))
}

fn peer(address: &str) -> PeerAddr {
    PeerAddr::new(address.parse().unwrap())
}

fn named(address: &str) -> PeerAddr {
    PeerAddr::named(address.parse().unwrap())
}

fn balancers() -> Networks {
    [ipnet::IpNet::from(std::net::IpAddr::from([10, 0, 0, 1]))]
        .into_iter()
        .collect()
}

/// What comes of `pieces` from the balancer, or from a stranger, and what is left for who reads next.
async fn sent(
    mode: ProxyProtocol,
    from: &str,
    pieces: &[&[u8]],
) -> (Result<PeerAddr, ProxyFault>, Vec<u8>) {
    let (mut client, socket) = pair().await;
    let send = async {
        for piece in pieces {
            client.write_all(piece).await.unwrap();
            tokio::task::yield_now().await;
        }
        client.shutdown().await.unwrap();
    };
    let networks = balancers();
    let reading = read(&socket, peer(from), mode, &networks, PATIENCE);
    let ((), outcome) = tokio::join!(send, reading);
    let mut rest = Vec::new();
    let mut io = SocketIo::new(socket);
    io.read_to_end(&mut rest).await.unwrap();
    (outcome, rest)
}

const BALANCER: &str = "10.0.0.1:1";
const STRANGER: &str = "192.0.2.1:1";

fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [V2, &[command, family], &length, rest].concat()
}

fn v2_tcp4(tlvs: &[u8]) -> Vec<u8> {
    let addresses = [198, 51, 100, 7, 10, 0, 0, 9, 0xc8, 0x22, 1, 187];
    v2(0x21, 0x11, &[&addresses, tlvs].concat())
}

fn v2_tcp6() -> Vec<u8> {
    let mut rest = [0; 36];
    rest[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
    rest[15] = 7;
    rest[32..34].copy_from_slice(&51234_u16.to_be_bytes());
    v2(0x21, 0x21, &rest)
}

#[tokio::test]
async fn the_client_is_whom_the_header_names_and_what_follows_is_left_whole() {
    for (header, expected) in [
        (LINE.to_vec(), "198.51.100.7:51234"),
        (
            b"PROXY TCP6 2001:db8::7 ::1 51234 443\r\n".to_vec(),
            "[2001:db8::7]:51234",
        ),
        (v2_tcp4(&[]), "198.51.100.7:51234"),
        (v2_tcp4(&[4; 900]), "198.51.100.7:51234"),
        (v2_tcp6(), "[2001:db8::7]:51234"),
        // The proxy speaks for itself, or of what is no TCP connection.
        (b"PROXY UNKNOWN\r\n".to_vec(), BALANCER),
        (
            b"PROXY UNKNOWN ffff:f::1 ffff::2 65535 65535\r\n".to_vec(),
            BALANCER,
        ),
        (v2(0x20, 0, &[]), BALANCER),
        (v2(0x20, 0x11, &[1, 2, 3]), BALANCER),
        (v2(0x21, 0, &[1, 2, 3]), BALANCER),
        (v2(0x21, 0x12, &[9; 12]), BALANCER),
        (v2(0x21, 0x31, &[0; 216]), BALANCER),
    ] {
        for mode in [ProxyProtocol::Accept, ProxyProtocol::Require] {
            let at_once = [&header, HTTP].concat();
            let bytes: Vec<&[u8]> = at_once.chunks(1).collect();
            for pieces in [&[&at_once[..]][..], &[&header, HTTP], &bytes] {
                let (outcome, rest) = sent(mode, BALANCER, pieces).await;
                let speaker = match expected {
                    BALANCER => peer(expected),
                    _ => named(expected),
                };
                assert_eq!(outcome, Ok(speaker), "{header:?}");
                assert_eq!(rest, HTTP, "{header:?}");
            }
        }
    }
}

#[tokio::test]
async fn where_none_is_required_http_begins_as_it_likes() {
    let tls = b"\x16\x03\x01\x02\x00\x01";
    for bytes in [
        HTTP,
        b"PROPFIND / HTTP/1.1\r\n",
        b"\r\n\r\nGET /",
        b"PRO",
        b"",
        tls,
    ] {
        for from in [BALANCER, STRANGER] {
            let (outcome, rest) = sent(ProxyProtocol::Accept, from, &[bytes]).await;
            assert_eq!(outcome, Ok(peer(from)), "{bytes:?}");
            assert_eq!(rest, bytes);
        }
    }
}

#[tokio::test]
async fn off_reads_nothing() {
    let (outcome, rest) = sent(ProxyProtocol::Off, BALANCER, &[LINE]).await;
    assert_eq!((outcome, &rest[..]), (Ok(peer(BALANCER)), LINE));
}

#[tokio::test]
async fn a_stranger_names_nobody() {
    for header in [
        LINE.to_vec(),
        v2_tcp4(&[]),
        b"PROXY ".to_vec(),
        b"PROXY x\r\n".to_vec(),
    ] {
        for mode in [ProxyProtocol::Accept, ProxyProtocol::Require] {
            let (outcome, _) = sent(mode, STRANGER, &[&header, HTTP]).await;
            assert_eq!(outcome, Err(ProxyFault::Untrusted), "{mode:?} {header:?}");
        }
    }
    let (outcome, _) = sent(ProxyProtocol::Require, STRANGER, &[HTTP]).await;
    assert_eq!(outcome, Err(ProxyFault::Untrusted));
}

#[tokio::test]
async fn what_is_no_whole_header_is_a_fault_of_its_kind() {
    let long_line = [V1, b"UNKNOWN ", &[b'x'; 200], b"\r\n"].concat();
    let longest = v2_tcp4(&vec![0; LONGEST - 28]);
    assert_eq!(longest.len(), LONGEST);
    let (outcome, _) = sent(ProxyProtocol::Require, BALANCER, &[&longest, HTTP]).await;
    assert_eq!(outcome, Ok(named("198.51.100.7:51234")));
    for (bytes, expected) in [
        (b"PROXY \r\n".to_vec(), ProxyFault::Malformed),
        (
            b"PROXY TCP4 198.51.100.7\r\n".to_vec(),
            ProxyFault::Malformed,
        ),
        (
            b"PROXY TCP4 ::1 ::1 1 1\r\n".to_vec(),
            ProxyFault::Malformed,
        ),
        (
            b"PROXY TCP4 1.1.1.1 2.2.2.2 70000 1\r\n".to_vec(),
            ProxyFault::Malformed,
        ),
        (b"PROXY UNKNOWN a\nb\r\n".to_vec(), ProxyFault::Malformed),
        (v2(0x11, 0x11, &[0; 12]), ProxyFault::Malformed),
        (v2(0x21, 0x11, &[0; 11]), ProxyFault::Malformed),
        (v2(0x21, 0x99, &[0; 12]), ProxyFault::Malformed),
        (long_line, ProxyFault::TooLong),
        (v2_tcp4(&vec![0; LONGEST - 27]), ProxyFault::TooLong),
        (LINE[..LINE.len() - 1].to_vec(), ProxyFault::Truncated),
        (v2_tcp4(&[])[..20].to_vec(), ProxyFault::Truncated),
        (v2_tcp4(&[])[..13].to_vec(), ProxyFault::Truncated),
        (b"PRO".to_vec(), ProxyFault::Truncated),
        (HTTP.to_vec(), ProxyFault::Missing),
        (Vec::new(), ProxyFault::Silent),
    ] {
        let (outcome, _) = sent(ProxyProtocol::Require, BALANCER, &[&bytes]).await;
        assert_eq!(outcome, Err(expected), "{bytes:?}");
    }
}

#[tokio::test]
async fn a_header_that_does_not_come_is_not_waited_for() {
    for (bytes, expected) in [
        (&LINE[..9], ProxyFault::Overdue),
        (b"PRO", ProxyFault::Overdue),
        (b"", ProxyFault::Silent),
    ] {
        let networks = balancers();
        let (mut client, socket) = pair().await;
        client.write_all(bytes).await.unwrap();
        let patience = Duration::from_millis(20);
        let outcome = read(
            &socket,
            peer(BALANCER),
            ProxyProtocol::Accept,
            &networks,
            patience,
        );
        assert_eq!(outcome.await, Err(expected), "{bytes:?}");
    }
}

#[test]
fn faults_are_counted_by_their_label_and_silence_is_not() {
    let labels = metrics::Labels {
        proxy_faults: &ProxyFault::LABELS,
        ..metrics::Labels::default()
    };
    let metrics = metrics::Metrics::new(1, labels);
    let faults = ProxyFaults::new(metrics.core(0));
    for fault in [
        ProxyFault::Untrusted,
        ProxyFault::Silent,
        ProxyFault::Untrusted,
    ] {
        faults.tell(peer(STRANGER), fault, Instant::now());
    }
    let text = metrics.encode(metrics::Gauges::default());
    let counted = text
        .lines()
        .filter(|line| line.starts_with("onelane_proxy_headers"));
    let counted: Vec<_> = counted.filter(|line| !line.ends_with(" 0")).collect();
    assert_eq!(
        counted,
        [r#"onelane_proxy_headers_refused_total{reason="untrusted"} 2"#]
    );
}

proptest! {
    #[test]
    fn no_bytes_are_more_than_they_are(
        start in prop_oneof![Just(V1), Just(V2), Just(&b"PROXY TCP4 1.1.1.1"[..]), Just(&b""[..])],
        rest in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let bytes = [start, &rest].concat();
        if let Beginning::Whole(header) = beginning(&bytes) {
            prop_assert!(header.length <= bytes.len());
            // What follows it makes no difference, and nothing of it may be missing.
            prop_assert_eq!(beginning(&bytes[..header.length]), Beginning::Whole(header));
            prop_assert_ne!(beginning(&bytes[..header.length - 1]), Beginning::Whole(header));
        }
    }
}
