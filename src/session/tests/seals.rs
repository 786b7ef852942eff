//! What was sealed is known again for its session, and nothing else is.

use super::*;

fn secret(secret: Option<&str>) -> Sessions {
    Sessions::new(Settings {
        sources: Vec::new(),
        scope: Scope::default(),
        secret: secret.map(str::to_owned),
    })
}

const MINE: u64 = 1;
const OTHER: u64 = 2;

#[test]
fn a_number_comes_back_for_its_session() {
    let sessions = secret(None);
    let mine = SessionKey::for_test(MINE);
    for number in [0, 1, 77, u64::MAX] {
        let seal = sessions.seal(mine, number);
        assert_eq!(sessions.sealed(mine, seal.as_bytes()), Some(number));
    }
}

#[test]
fn it_fits_into_headers_and_urls_and_does_not_show_the_session() {
    let seal = secret(None).seal(SessionKey::for_test(MINE), 7);
    assert!(seal.bytes().all(|byte| byte.is_ascii_hexdigit()), "{seal}");
    assert_eq!(seal.len(), 80);
    assert!(!seal[16..].contains("0100000000000000"), "the key: {seal}");
}

#[test]
fn for_another_session_it_is_none() {
    let sessions = secret(None);
    let seal = sessions.seal(SessionKey::for_test(MINE), 7);
    assert_eq!(
        sessions.sealed(SessionKey::for_test(OTHER), seal.as_bytes()),
        None
    );
}

#[test]
fn every_change_of_it_is_noticed() {
    let sessions = secret(None);
    let mine = SessionKey::for_test(MINE);
    let seal = sessions.seal(mine, 7).into_bytes();
    for at in 0..seal.len() {
        let mut changed = seal.clone();
        changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
        assert_eq!(sessions.sealed(mine, &changed), None, "at {at}");
    }
    for wrong in [
        &b""[..],
        &b"7"[..],
        &b"+000000000000007"[..],
        &seal[..79],
        [&seal[..], b"0"].concat().as_slice(),
        &[0xff; 80][..],
    ] {
        assert_eq!(sessions.sealed(mine, wrong), None);
    }
}

#[test]
fn another_secret_knows_nothing_of_it_and_the_same_one_does() {
    let mine = SessionKey::for_test(MINE);
    let seal = secret(Some("a")).seal(mine, 7);
    assert_eq!(secret(Some("a")).sealed(mine, seal.as_bytes()), Some(7));
    assert_eq!(secret(Some("b")).sealed(mine, seal.as_bytes()), None);
    assert_eq!(secret(None).sealed(mine, seal.as_bytes()), None);
    let random = secret(None).seal(mine, 7);
    assert_eq!(secret(None).sealed(mine, random.as_bytes()), None);
}
