//! The key of those without a session: who shares one, and that it is nobody else's.

use super::*;

fn asked(agent: Option<&[u8]>) -> Parts {
    match agent {
        Some(agent) => request("/", &[("user-agent", agent)]),
        None => request("/", &[]),
    }
}

fn key(client: &str, agent: Option<&[u8]>) -> SessionKey {
    preset(Preset::AspNet).of_client(client.parse().unwrap(), &asked(agent))
}

#[test]
fn one_client_with_one_user_agent_has_one_key() {
    assert_eq!(
        key("192.0.2.1", Some(b"Firefox")),
        key("192.0.2.1", Some(b"Firefox"))
    );
    assert_eq!(key("2001:db8::1", None), key("2001:db8::1", None));
}

#[test]
fn another_address_or_user_agent_has_another() {
    let mine = key("192.0.2.1", Some(b"Firefox"));
    for other in [
        key("192.0.2.2", Some(b"Firefox")),
        key("192.0.2.1", Some(b"Chrome")),
        key("192.0.2.1", Some(b"")),
        key("::ffff:192.0.2.1", Some(b"Firefox")), // `ClientIp` makes these one before
    ] {
        assert_ne!(mine, other);
    }
}

#[test]
fn none_and_an_empty_user_agent_are_the_same_want() {
    assert_eq!(key("192.0.2.1", None), key("192.0.2.1", Some(b"")));
}

#[test]
fn no_session_id_gives_the_key_of_a_client() {
    // What is digested for the client, given as an id; also with the length before it, as an id has it.
    let id: &[u8] = b"4\xc0\x00\x02\x01\x07\0\0\0\0\0\0\0Firefox";
    let plain = sessions(vec![source(Place::Header(HeaderName::from_static("x-id")))]);
    let client = plain.of_client("192.0.2.1".parse().unwrap(), &asked(Some(b"Firefox")));
    for id in [id, b"192.0.2.1", b"Firefox"] {
        let header = HeaderValue::from_bytes(id);
        let Ok(header) = header else { continue };
        let found = found(&plain, &request("/", &[("x-id", header.as_bytes())]));
        assert_ne!(found, Some(client));
    }
}

#[test]
fn another_host_has_another_key_where_hosts_have_sessions_of_their_own() {
    let on = |scope: &Sessions, host: &[u8]| {
        scope.of_client(
            "192.0.2.1".parse().unwrap(),
            &request("/", &[("host", host)]),
        )
    };
    let by_host = scoped(
        Vec::new(),
        Scope {
            host: HostScope::Included,
            ..Scope::default()
        },
    );
    assert_ne!(on(&by_host, b"a.test"), on(&by_host, b"b.test"));
    assert_eq!(on(&by_host, b"a.test"), on(&by_host, b"A.test:80"));
    let alike = sessions(Vec::new());
    assert_eq!(on(&alike, b"a.test"), on(&alike, b"b.test"));
}
