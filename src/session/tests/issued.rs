//! What a response's Set-Cookie lines say about the session, stack by stack.

use super::*;

fn response(lines: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append("set-cookie", HeaderValue::from_str(line).unwrap());
    }
    headers
}

/// The sessions that these lines set, for a request to `/`.
fn issued(sessions: &Sessions, lines: &[&str]) -> Vec<SessionKey> {
    let scoped = sessions.scoped(&request("/", &[]));
    let issued = sessions.issued(&response(lines), &scoped);
    issued.into_iter().map(|(_, key)| key).collect()
}

#[test]
fn the_new_id_is_that_of_a_request_that_carries_it() {
    for (stack, line, cookie) in [
        (
            Preset::Php,
            format!("PHPSESSID={PHP}; path=/; HttpOnly"),
            format!("PHPSESSID={PHP}"),
        ),
        (
            Preset::Php,
            "PHPSESSID=abcdefghijklmnopqrstuv%2C; path=/".to_owned(),
            "PHPSESSID=abcdefghijklmnopqrstuv%2C".to_owned(),
        ),
        (
            Preset::Java,
            format!("JSESSIONID={TOMCAT}.node2;Path=/shop;Secure"),
            format!("JSESSIONID={TOMCAT}.node1"),
        ),
        (
            Preset::AspNet,
            format!("asp.net_SessionId={}; path=/", ASPNET.to_uppercase()),
            format!("ASP.NET_SessionId={ASPNET}"),
        ),
    ] {
        let sessions = preset(stack);
        let carried = found(&sessions, &with_cookies(&[cookie.as_bytes()]));
        assert_eq!(issued(&sessions, &[&line]), [carried.unwrap()], "{line}");
    }
}

#[test]
fn spaces_around_name_and_value_do_not_count() {
    let sessions = sessions(vec![cookie("sid")]);
    for line in [
        "sid=new",
        " sid = new ;Path=/",
        "sid=new;",
        "sid=new ; Max-Age=60",
    ] {
        assert_eq!(issued(&sessions, &[line]), [key_of("new")], "{line:?}");
    }
}

#[test]
fn what_sets_no_session_gives_none() {
    let php = preset(Preset::Php);
    for lines in [
        &[][..],
        &["theme=dark"],
        &["PHPSESSID="],
        &["PHPSESSID"],
        &["PHPSESSID=deleted; expires=Thu, 01-Jan-1970 00:00:01 GMT; Max-Age=0"],
        &["PHPSESSID=too short"],
        &["phpsessid=q1w2e3r4t5y6u7i8o9p0asdfgh"],
    ] {
        assert_eq!(issued(&php, lines), [], "{lines:?}");
    }
}

#[test]
fn a_line_that_deletes_the_cookie_gives_none_whatever_its_value() {
    let sessions = sessions(vec![cookie("sid")]);
    for line in [
        "sid=gone; Max-Age=0",
        "sid=gone; max-age=-1",
        "sid=gone; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
        "sid=gone; expires=Tue, 12-Oct-1999 04:00:00 GMT; path=/",
        "sid=gone; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0",
    ] {
        assert_eq!(issued(&sessions, &[line]), [], "{line}");
    }
    for line in [
        "sid=new; Max-Age=1",
        "sid=new; Max-Age=7200; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
        "sid=new; Expires=Tue, 19 Jan 2038 19:19:19 GMT",
        "sid=new; Max-Age=",
        "sid=new; Path=/1970",
    ] {
        assert_eq!(issued(&sessions, &[line]), [key_of("new")], "{line}");
    }
}

#[test]
fn of_several_lines_those_count_that_the_next_request_would_go_by() {
    let sessions = sessions(vec![cookie("sid"), cookie("other")]);
    for (lines, id) in [
        (&["sid=a", "theme=x", "sid=b; Path=/"][..], "b"),
        (&["sid=; Max-Age=0; Path=/old", "sid=a"], "a"),
        (&["sid=a", "sid=; Max-Age=0; Path=/old"], "a"),
        (&["other=b", "sid=a"], "a"),
        (&["other=b", "sid="], "b"),
    ] {
        assert_eq!(issued(&sessions, lines), [key_of(id)], "{lines:?}");
    }
}

#[test]
fn an_id_of_two_cookies_is_set_by_two_lines() {
    let sessions = preset(Preset::ColdFusion);
    let id = found(
        &sessions,
        &with_cookies(&[b"CFID=12345; CFTOKEN=0123456789abcdef"]),
    );
    let lines = ["CFID=12345; path=/", "CFTOKEN=0123456789abcdef; path=/"];
    assert_eq!(issued(&sessions, &lines), [id.unwrap()]);
    assert_eq!(issued(&sessions, &lines[..1]), []);
}

#[test]
fn each_lane_has_its_own_new_id() {
    let further = Source {
        lane: LaneName::new("contact"),
        ..cookie("contact")
    };
    let sessions = sessions(vec![further, cookie("sid")]);
    let session = |cookies: &str| match sessions.find(&with_cookies(&[cookies.as_bytes()])) {
        Found::Session(session) => session,
        other => panic!("{other:?}"),
    };
    let (old, new) = (session("sid=a; contact=a"), session("sid=b; contact=b"));
    let scoped = sessions.scoped(&request("/", &[]));
    let issued = sessions.issued(&response(&["contact=b", "sid=b"]), &scoped);
    let expected = [(old.key, new.key), (old.also[0], new.also[0])];
    let paired = issued
        .iter()
        .map(|(lane, key)| (old.in_lane(*lane).unwrap(), *key));
    assert_eq!(paired.collect::<Vec<_>>(), expected);
    let contact = session("contact=a");
    let lanes = issued.iter().map(|(lane, _)| contact.in_lane(*lane));
    assert_eq!(lanes.collect::<Vec<_>>(), [None, Some(contact.key)]);
}

#[test]
fn sources_that_are_no_cookies_are_not_set_by_one() {
    let header = source(Place::Header(HeaderName::from_static("sid")));
    assert_eq!(issued(&sessions(vec![header]), &["sid=new"]), []);
}

#[test]
fn an_id_is_new_in_the_scope_of_its_request() {
    let scope = Scope {
        host: HostScope::Included,
        path_segments: 1,
        path_case: PathCase::Sensitive,
    };
    let sessions = scoped(vec![cookie("sid")], scope);
    let ask = |target: &str, host: &str| {
        request(target, &[("host", host.as_bytes()), ("cookie", b"sid=new")])
    };
    let asked = ask("/shop/login", "a.test");
    let issued = sessions.issued(&response(&["sid=new"]), &sessions.scoped(&asked));
    let [(_, key)] = issued[..] else {
        panic!("{issued:?}");
    };
    assert_eq!(Some(key), found(&sessions, &asked));
    for elsewhere in [ask("/wiki/login", "a.test"), ask("/shop/login", "b.test")] {
        assert_ne!(Some(key), found(&sessions, &elsewhere));
    }
    let everywhere = self::sessions(vec![cookie("sid")]);
    assert_eq!(
        everywhere.scoped(&asked),
        Scoped::default(),
        "nothing is kept without a scope"
    );
}
