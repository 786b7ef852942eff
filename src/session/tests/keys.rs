//! The digest: what belongs to it, and that nothing else leaves.

use super::Expect::{Id, Odd};
use super::*;

#[test]
fn two_spellings_of_one_aspnet_id_are_one_session() {
    let spellings = [
        "lit3py55t21z5v55vlm25s55",
        "LIT3PY55T21Z5V55VLM25S55",
        "Lit3py55t21z5v55vlm25s55",
    ];
    let keys = |sessions: &Sessions| {
        let mut keys: Vec<SessionKey> = Vec::new();
        for id in spellings {
            let line = format!("ASP.NET_SessionId={id}");
            keys.extend(found(sessions, &with_cookies(&[line.as_bytes()])));
        }
        let all = keys.len();
        keys.dedup();
        (all, keys.len())
    };
    assert_eq!(keys(&preset(Preset::AspNet)), (3, 1));

    // Control: without lower-casing they are three lanes, and ASP.NET has one session.
    let mut sources = Preset::AspNet.sources(None);
    sources[0].transforms.clear();
    sources[0].pattern = IdPattern::regex("(?i)[a-z0-5]{24}").unwrap();
    assert_eq!(keys(&sessions(sources)), (3, 3));
}

#[test]
fn a_moved_java_session_keeps_its_lane() {
    let lines: [&[u8]; 2] = [
        b"JSESSIONID=0F1E2D3C4B5A69788796A5B4C3D2E1F0.a",
        b"JSESSIONID=0F1E2D3C4B5A69788796A5B4C3D2E1F0.b",
    ];
    let keys =
        |sessions: &Sessions| lines.map(|line| found(sessions, &with_cookies(&[line])).unwrap());
    let [before, after] = keys(&preset(Preset::Java));
    assert_eq!(before, after);

    // Control: with the node in the key, it does not.
    let [before, after] = keys(&sessions(vec![cookie("JSESSIONID")]));
    assert_ne!(before, after);
}

#[test]
fn transforms_apply_in_order() {
    use Transform::{
        CutAfter, CutBefore, Lowercase, PercentDecode, StripPrefix, StripSuffix, Unquote,
    };
    let strip = |text: &str| StripPrefix(text.to_owned());
    let table: Vec<(&[u8], Vec<Transform>, Expect)> = vec![
        (
            b"s=s%3Aabc.sig",
            vec![PercentDecode, strip("s:"), CutBefore('.')],
            Id("abc"),
        ),
        (b"s=ABC|True", vec![CutBefore('|'), Lowercase], Id("abc")),
        (b"s=visit|1|id", vec![CutAfter('|')], Id("1|id")),
        (b"s=a.b.c", vec![CutBefore('.')], Id("a")),
        (b"s=abc", vec![CutBefore('.'), CutAfter('.')], Id("abc")),
        (b"s=.abc", vec![CutBefore('.')], Odd(OddReason::Empty)),
        (b"s=abc.", vec![CutAfter('.')], Odd(OddReason::Empty)),
        (
            b"s=id.LOCAL",
            vec![StripSuffix(".LOCAL".to_owned())],
            Id("id"),
        ),
        (b"s=aa", vec![strip("a"), strip("b")], Id("a")),
        (b"s=\"\"", vec![Unquote], Odd(OddReason::Empty)),
        (b"s=\"", vec![Unquote], Id("\"")),
        (b"s=%2525", vec![PercentDecode], Id("%25")),
        (b"s=a\xc3\xa9b", vec![CutAfter('\u{e9}')], Id("b")),
    ];
    for (line, transforms, expected) in table {
        let why = format!("{transforms:?}");
        let sessions = sessions(vec![Source {
            transforms,
            ..cookie("s")
        }]);
        assert_found(&sessions, &with_cookies(&[line]), expected, &why);
    }
}

#[test]
fn a_pattern_is_for_the_whole_id_and_the_length_for_what_the_transforms_leave() {
    let pattern = IdPattern::regex("a|[0-9]+").unwrap();
    let strict = sessions(vec![Source {
        pattern,
        max_length: 4,
        transforms: vec![Transform::CutBefore('.')],
        ..cookie("s")
    }]);
    for (line, expected) in [
        (&b"s=a"[..], Id("a")),
        (b"s=123.this is cut", Id("123")),
        (b"s=ab", Odd(OddReason::Pattern)),
        (b"s=x12", Odd(OddReason::Pattern)),
        (b"s=12345", Odd(OddReason::TooLong)),
    ] {
        assert_found(
            &strict,
            &with_cookies(&[line]),
            expected,
            &String::from_utf8_lossy(line),
        );
    }
    assert!(IdPattern::regex("(").is_err());
    assert!(IdPattern::regex("a)|(?:b").is_err());
}

#[test]
fn which_of_several_candidates_counts_is_a_rule_of_the_source() {
    let request = with_cookies(&[b"s=; s=first; s=second; s="]);
    let with = |duplicates| {
        sessions(vec![Source {
            duplicates,
            ..cookie("s")
        }])
    };
    assert_found(
        &with(Duplicates::First),
        &request,
        Odd(OddReason::Empty),
        "first",
    );
    assert_found(
        &with(Duplicates::FirstValid),
        &request,
        Id("first"),
        "first valid",
    );
    assert_found(
        &with(Duplicates::Last),
        &request,
        Odd(OddReason::Empty),
        "last",
    );
    assert_found(
        &with(Duplicates::Last),
        &with_cookies(&[b"s=a; s=b"]),
        Id("b"),
        "last",
    );
}

#[test]
fn the_first_source_with_a_valid_id_wins_and_names_its_cookie() {
    let both = sessions(vec![
        Source {
            pattern: IdPattern::regex("[0-9]+").unwrap(),
            label: Arc::from("number"),
            ..cookie("n")
        },
        cookie("s"),
    ]);
    let request = with_cookies(&[b"s=abc; n=x"]);
    let Found::Session(session) = both.find(&request) else {
        panic!("a session")
    };
    assert_eq!(session.key, key_of("abc"));
    assert_eq!(session.cookie.unwrap().as_str(), "s");

    let request = with_cookies(&[b"n=x; s="]);
    let Found::Odd(odd) = both.find(&request) else {
        panic!("odd")
    };
    assert_eq!((&**odd.source, odd.reason), ("number", OddReason::Pattern));
}

#[test]
fn an_id_in_the_url_names_no_cookie() {
    let aspnet = preset(Preset::AspNet);
    let request = request("/(S(lit3py55t21z5v55vlm25s55))/", &[]);
    let Found::Session(session) = aspnet.find(&request) else {
        panic!("a session")
    };
    assert!(session.cookie.is_none());
}

#[test]
fn the_host_belongs_to_the_key_only_where_the_scope_says_so() {
    let at = |sessions: &Sessions, target: &str, host: &[u8]| {
        found(
            sessions,
            &request(target, &[("host", host), ("cookie", b"s=abc")]),
        )
        .unwrap()
    };
    let by_host = scoped(
        vec![cookie("s")],
        Scope {
            host: HostScope::Included,
            ..Scope::default()
        },
    );
    let key = at(&by_host, "/", b"shop.example");
    for same in [
        &b"shop.example"[..],
        b"SHOP.example",
        b"shop.example:8080",
        b"shop.example.",
    ] {
        assert_eq!(at(&by_host, "/", same), key);
    }
    assert_eq!(
        at(&by_host, "http://shop.example:81/", b"other.example"),
        key,
        "the target goes before Host"
    );
    assert_ne!(at(&by_host, "/", b"wiki.example"), key);
    assert_ne!(at(&by_host, "/", b""), key);
    assert_eq!(at(&by_host, "/", b"[::1]:80"), at(&by_host, "/", b"[::1]"));
    assert_ne!(at(&by_host, "/", b"[::2]"), at(&by_host, "/", b"[::1]"));
    assert_ne!(at(&by_host, "/", b"\xff"), key);

    // Control: without the scope, hosts share the lane.
    let everywhere = sessions(vec![cookie("s")]);
    assert_eq!(
        at(&everywhere, "/", b"shop.example"),
        at(&everywhere, "/", b"wiki.example")
    );
}

#[test]
fn leading_path_segments_belong_to_the_key_in_normal_form() {
    let at = |sessions: &Sessions, target: &str| {
        found(sessions, &request(target, &[("cookie", b"s=abc")])).unwrap()
    };
    let scope = Scope {
        path_segments: 1,
        path_case: PathCase::Insensitive,
        ..Scope::default()
    };
    let by_path = scoped(vec![cookie("s")], scope);
    let key = at(&by_path, "/shop/a.aspx");
    for same in [
        "/shop",
        "/shop/",
        "/Shop/b",
        "//shop/",
        "/wiki/../shop/b",
        "/sh%6fp/c",
        "/shop;v=1/c",
        "/(S(x))/shop/",
    ] {
        assert_eq!(at(&by_path, same), key, "{same}");
    }
    for other in ["/", "/wiki/", "/shopping/", "/%2", "/x/shop/"] {
        assert_ne!(at(&by_path, other), key, "{other}");
    }
    assert_eq!(
        at(&by_path, "/"),
        at(&by_path, "/%2"),
        "what cannot be normalized has no segments"
    );
}

#[test]
fn keys_depend_on_the_secret_and_a_missing_one_is_drawn() {
    let with = |secret: Option<&str>| {
        let secret = secret.map(str::to_owned);
        let sessions = Sessions::new(Settings {
            sources: vec![cookie("s")],
            scope: Scope::default(),
            secret,
        });
        found(&sessions, &with_cookies(&[b"s=abc"])).unwrap()
    };
    assert_eq!(with(Some("one")), with(Some("one")));
    assert_ne!(with(Some("one")), with(Some("two")));
    assert_ne!(with(None), with(None));
    assert_ne!(with(Some("")), with(Some("")), "an empty secret is none");
}

#[test]
fn nothing_that_can_be_printed_holds_the_id_or_the_secret() {
    let settings = Settings {
        sources: Preset::AspNet.sources(None),
        scope: Scope::default(),
        secret: Some("a secret for tests".to_owned()),
    };
    let printed = format!("{settings:?}");
    let sessions = Sessions::new(settings);
    let request = with_cookies(&[b"ASP.NET_SessionId=lit3py55t21z5v55vlm25s55"]);
    let odd = with_cookies(&[b"ASP.NET_SessionId=lit3py55t21z5v55vlm25s5!"]);
    let printed = format!(
        "{printed}{sessions:?}{:?}{:?}",
        sessions.find(&request),
        sessions.find(&odd)
    );
    assert!(
        printed.contains("Pattern") && printed.contains("SessionKey("),
        "{printed}"
    );
    assert!(
        !printed.contains("lit3py55") && !printed.contains("a secret"),
        "{printed}"
    );
    assert_eq!(SessionKey::for_test(0x03_02_01).to_string(), "010203");
}
