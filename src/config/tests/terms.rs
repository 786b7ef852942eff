//! What a configuration means for a request.

use super::*;

/// Method, path and headers of a request.
type Asked = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
);

#[test]
fn a_route_has_what_it_leaves_out_from_the_top_level() {
    let config = config(
        "queue: { limit: 9, on_overflow: pass }\nmode: observe\non_client_gone: stay\nfollow_hold: 5ms\n\
         routes: [{ path: /a, queue: { limit: 3 }, mode: enforce }]\n",
    );
    let (route, default) = (terms(&config, "GET", "/a"), terms(&config, "GET", "/b"));
    assert_eq!((route.limits.waiters, default.limits.waiters), (3, 9));
    assert_eq!((route.mode, default.mode), (Mode::Enforce, Mode::Observe));
    for terms in [route, default] {
        assert_eq!(terms.limits.on_overflow, OnFull::Pass);
        assert_eq!(terms.on_client_gone, OnClientGone::Stay);
        assert_eq!(terms.follow_hold, Duration::from_millis(5));
    }
}

#[test]
fn every_term_of_a_route_can_be_said() {
    let config = with_route(
        "{ path: /a, access: read, reads: share, mode: observe, release: { after: body, grace: 50ms }, follow_hold: 1s, \
         on_client_gone: stay, queue: { limit: 1, wait_timeout: 200s, hold_limit: 100s, on_overflow: pass, \
         on_wait_timeout: pass_without_session, on_hold_limit: abort, max_passed: 3, admission: off } }",
    );
    let terms = terms(&config, "GET", "/a");
    assert_eq!(
        (terms.access, terms.reads, terms.mode),
        (Access::Read, Reads::Share, Mode::Observe)
    );
    assert_eq!(
        terms.release,
        Release::Body {
            grace: Duration::from_millis(50)
        }
    );
    assert_eq!(
        (terms.follow_hold, terms.on_client_gone),
        (Duration::from_secs(1), OnClientGone::Stay)
    );
    assert_eq!((terms.limits.waiters, terms.limits.max_passed), (1, 3));
    assert_eq!(
        (terms.limits.wait_timeout, terms.limits.hold_limit),
        (Duration::from_secs(200), Duration::from_secs(100))
    );
    assert_eq!(
        (terms.limits.on_overflow, terms.limits.on_wait_timeout),
        (OnFull::Pass, OnFull::PassWithoutSession)
    );
    assert_eq!(terms.limits.on_hold_limit, OnHoldLimit::Abort);
}

#[test]
fn release_has_three_forms() {
    let release = |text: &str| terms(&config(&format!("release: {text}")), "GET", "/").release;
    assert_eq!(release("headers"), Release::Headers);
    assert_eq!(
        release("body"),
        Release::Body {
            grace: Duration::ZERO
        }
    );
    assert_eq!(
        release("{ after: body }"),
        Release::Body {
            grace: Duration::ZERO
        }
    );
    assert_eq!(
        release("{ after: body, grace: 50ms }"),
        Release::Body {
            grace: Duration::from_millis(50)
        }
    );
}

#[test]
fn a_preset_decides_what_nobody_says() {
    let default = |text: &str| terms(&config(text), "POST", "/");
    assert_eq!(
        default("session: { preset: php }").limits.on_hold_limit,
        OnHoldLimit::Wait
    );
    assert_eq!(
        default("session: { preset: java }").limits.on_hold_limit,
        OnHoldLimit::Release
    );
    let said = default("session: { preset: php }\nqueue: { on_hold_limit: abort }");
    assert_eq!(said.limits.on_hold_limit, OnHoldLimit::Abort);
    assert_eq!(default("session: { preset: aspnet }").reads, Reads::Follow);
    assert_eq!(
        default("session: { preset: aspnet }\nreads: share").reads,
        Reads::Share
    );
    assert_eq!(default("session: { preset: php }").reads, Reads::Overtake);
    assert_eq!(default("mode: enforce").reads, Reads::Overtake);
    let grace = Release::Body {
        grace: Duration::from_millis(50),
    };
    assert_eq!(default("session: { preset: aspnetcore }").release, grace);
    assert_eq!(
        default("session: { preset: aspnetcore }\nrelease: headers").release,
        Release::Headers
    );
    assert_ne!(default("session: { preset: aspnet }").release, grace);
}

#[test]
fn the_presets_routes_come_last_and_can_be_left_out() {
    let access = |text: &str| {
        terms(
            &config(&format!("session: {{ preset: aspnet }}\n{text}")),
            "GET",
            "/A.CSS",
        )
        .access
    };
    assert_eq!(access(""), Access::None);
    assert_eq!(access("preset_routes: false"), Access::Write);
    assert_eq!(
        access("routes: [{ path: /a.css, access: read }]"),
        Access::Read
    );
}

#[test]
fn default_access_is_for_what_no_route_names() {
    let config = config("default_access: read\nroutes: [{ path: /a, access: write }]");
    assert_eq!(terms(&config, "GET", "/a").access, Access::Write);
    assert_eq!(terms(&config, "GET", "/b").access, Access::Read);
}

#[test]
fn a_client_may_have_a_quarter_of_all_waiters() {
    let share = |text: &str| config(text).policy.max_waiting_per_client;
    assert_eq!(share("mode: enforce"), 2500);
    assert_eq!(share("queue: { max_waiting: 100 }"), 25);
    assert_eq!(share("queue: { max_waiting: 2 }"), 1);
}

#[test]
fn each_criterion_selects() {
    let cases: [(&str, Asked, Asked); 9] = [
        (
            "{ path: '/r/**', access: none }",
            ("GET", "/r/a/b", &[]),
            ("GET", "/x", &[]),
        ),
        (
            "{ regex: '^/r/\\d+$', access: none }",
            ("GET", "/r/12", &[]),
            ("GET", "/r/x", &[]),
        ),
        (
            "{ methods: [GET, HEAD], access: none }",
            ("HEAD", "/", &[]),
            ("POST", "/", &[]),
        ),
        (
            "{ methods: PUT, access: none }",
            ("PUT", "/", &[]),
            ("GET", "/", &[]),
        ),
        (
            "{ host: '*.example.com', access: none }",
            ("GET", "/", &[("host", "a.example.com")]),
            ("GET", "/", &[("host", "b.org")]),
        ),
        (
            "{ header: x-a, access: none }",
            ("GET", "/", &[("x-a", "1")]),
            ("GET", "/", &[]),
        ),
        (
            "{ header: { x-a: '1*' }, access: none }",
            ("GET", "/", &[("x-a", "12")]),
            ("GET", "/", &[("x-a", "2")]),
        ),
        (
            "{ query: { action: view }, access: none }",
            ("GET", "/?action=view", &[]),
            ("GET", "/?action=edit", &[]),
        ),
        (
            "{ extensions: [css, .js], access: none }",
            ("GET", "/a.js", &[]),
            ("GET", "/a.png", &[]),
        ),
    ];
    for (route, hit, miss) in cases {
        let config = with_route(route);
        let access = |(method, path, headers): Asked| {
            config
                .policy
                .routes
                .decide(&request(method, path, headers))
                .terms
                .access
        };
        assert_eq!(access(hit), Access::None, "{route}");
        assert_eq!(access(miss), Access::Write, "{route}");
    }
}

#[test]
fn a_route_is_called_what_it_matches_unless_it_has_a_name() {
    let label = |route: &str| {
        with_route(route).policy.routes.routes()[0]
            .label
            .to_string()
    };
    assert_eq!(label("{ name: Reports, path: /a }"), "Reports");
    assert_eq!(label("{ methods: [GET, HEAD], path: /a }"), "GET,HEAD /a");
    assert_eq!(label("{ extensions: [css, js], host: h }"), "h *.css,js");
    assert_eq!(label("{ header: X-A, query: b }"), "x-a: ?b");
}

fn key(config: &Config, cookie: &str) -> Option<String> {
    match config.policy.sessions.find(&request(
        "GET",
        "/a/b",
        &[("cookie", cookie), ("host", "h")],
    )) {
        Found::Session(session) => Some(session.key.to_string()),
        Found::Odd(_) | Found::None => None,
    }
}

#[test]
fn a_preset_finds_its_cookie_or_the_one_named() {
    let id = "abcdefghijklmnopqrstuvwx";
    assert!(
        key(
            &config("session: { preset: aspnet }"),
            &format!("ASP.NET_SessionId={id}")
        )
        .is_some()
    );
    let named = config("session: { preset: aspnet, cookie: Other }");
    assert!(key(&named, &format!("Other={id}")).is_some());
    assert!(key(&named, &format!("ASP.NET_SessionId={id}")).is_none());
}

#[test]
fn explicit_keys_take_all_their_parts() {
    let config = config(
        "session:\n  secret: s\n  keys:\n    - cookie: { prefix: sid, ignore_case: true }\n      name: main\n      \
         transform: [percent_decode, { strip_prefix: 's:' }, { cut_before: '.' }, lowercase]\n      \
         pattern: '[a-z]{4}'\n      max_length: 4\n      duplicates: first_valid\n    - { header: X-Session }\n    \
         - { query: sid }\n    - { path_parameter: sid }\n    - { path_segment: S }\n",
    );
    assert_eq!(
        key(&config, "SID1=s%3AABCD.xyz"),
        key(&config, "sid2=bad; sid=abcd")
    );
    assert!(key(&config, "sid=abcd").is_some());
    assert!(key(&config, "sid=abcde").is_none());
}

/// How many lanes a request with these cookies has.
fn lanes(config: &Config, cookie: &str) -> usize {
    match config
        .policy
        .sessions
        .find(&request("GET", "/", &[("cookie", cookie)]))
    {
        Found::Session(session) => 1 + session.also.len(),
        Found::Odd(_) | Found::None => 0,
    }
}

#[test]
fn every_preset_can_be_written() {
    for name in [
        "aspnet",
        "sitecore",
        "aspnetcore",
        "php",
        "java",
        "laravel",
        "django",
        "rails",
        "express",
        "woocommerce",
        "coldfusion",
        "classic-asp",
        "magento",
        "moodle",
    ] {
        let config = config(&format!("session: {{ preset: {name}, cookie: x_session }}"));
        assert_eq!(config.warnings, [], "{name}");
    }
}

#[test]
fn sitecores_shared_session_is_a_second_lane_only_when_asked_for() {
    let cookies = "ASP.NET_SessionId=abcdefghijklmnopqrstuvwx; SC_ANALYTICS_GLOBAL_COOKIE=611a20207bf14802a1bf1a0aa6e671be|True";
    let with = |more: &str| config(&format!("session: {{ preset: sitecore{more} }}"));
    assert_eq!(lanes(&with(", shared: true"), cookies), 2);
    assert_eq!(lanes(&with(", shared: false"), cookies), 1);
    assert_eq!(lanes(&with(""), cookies), 1);
}

#[test]
fn keys_name_their_lane() {
    let config = config(
        "session: { keys: [{ cookie: c, lane: cart }, { cookie: a, lane: session }, { cookie: b }, { cookie: d, lane: cart }] }",
    );
    for (cookies, expected) in [
        ("a=1; b=2; c=3; d=4", 2),
        ("a=1; b=2", 1),
        ("c=1; d=2", 1),
        ("b=1; d=2", 2),
        ("x=1", 0),
    ] {
        assert_eq!(lanes(&config, cookies), expected, "{cookies}");
    }
}

#[test]
fn a_transform_may_cut_at_the_last_of_a_character() {
    let config = config(
        "session: { secret: s, keys: [{ cookie: a, transform: { cut_before_last: '.' } }] }",
    );
    assert_eq!(key(&config, "a=x.y.sig"), key(&config, "a=x.y.other"));
    assert_ne!(key(&config, "a=x.y.sig"), key(&config, "a=x.z.sig"));
}

#[test]
fn a_secret_makes_the_digest_the_same_everywhere() {
    let digest = |text: &str| key(&config(text), "a=1");
    assert_eq!(
        digest("session: { keys: [{ cookie: a }], secret: x }"),
        digest("session: { keys: { cookie: a }, secret: x }")
    );
    assert_ne!(
        digest("session: { keys: [{ cookie: a }], secret: x }"),
        digest("session: { keys: [{ cookie: a }], secret: y }")
    );
    assert_ne!(
        digest("session: { keys: [{ cookie: a }], secret: '' }"),
        digest("session: { keys: [{ cookie: a }], secret: '' }")
    );
}

#[test]
fn the_scope_is_part_of_the_key() {
    let digest = |scope: &str| {
        key(
            &config(&format!(
                "session: {{ keys: [{{ cookie: a }}], secret: x, scope: {scope} }}"
            )),
            "a=1",
        )
    };
    assert_eq!(digest("{}"), digest("{ host: false, path_segments: 0 }"));
    assert_ne!(digest("{}"), digest("{ host: true }"));
    assert_ne!(digest("{}"), digest("{ path_segments: 1 }"));
}
