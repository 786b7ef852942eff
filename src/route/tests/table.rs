//! The order of routes, the preset's routes, and routes that never match.

use super::*;

#[test]
fn the_first_match_wins_and_nothing_matching_is_the_default() {
    let table = table(vec![
        route("one", path("/a/b"), Access::None),
        route("two", path("/a/**"), Access::Read),
        route("three", path("/a/b"), Access::Write),
    ]);
    assert_eq!(decided(&table, &get("/a/b")), "one");
    assert_eq!(decided(&table, &get("/a/c")), "two");
    assert_eq!(decided(&table, &get("/b")), "default");
    assert_eq!(table.decide(&get("/a/c")).terms.access, Access::Read);
    assert_eq!(table.decide(&get("/b")).terms.access, Access::Write);
}

#[test]
fn a_get_is_not_taken_for_a_read() {
    assert_eq!(
        table(Vec::new()).decide(&get("/")).terms.access,
        Access::Write
    );
}

#[test]
fn aspnet_brings_routes_for_what_uses_no_session() {
    let table = aspnet(Vec::new());
    for (method, target, expected) in [
        ("POST", "/signalr/negotiate", "preset:signalr"),
        ("GET", "/App/SignalR/connect?x=1", "preset:signalr"),
        ("GET", "/signalr", "preset:signalr"),
        ("GET", "/signalrx/a", "default"),
        ("GET", "/WebResource.axd?d=x", "preset:WebResource.axd"),
        (
            "GET",
            "/app/scriptresource.AXD",
            "preset:ScriptResource.axd",
        ),
        ("GET", "/ChartImg.axd", "default"),
        ("GET", "/content/site.CSS", "preset:static"),
        ("POST", "/content/site.css", "default"),
        ("GET", "/checkout.aspx/x.css", "default"),
        ("GET", "/report.pdf", "default"),
        ("OPTIONS", "/api/x", "preset:OPTIONS"),
        ("GET", "/", "default"),
    ] {
        let request = request(method, target, &[]);
        assert_eq!(decided(&table, &request), expected, "{method} {target}");
        let access = if expected == "default" {
            Access::Write
        } else {
            Access::None
        };
        assert_eq!(
            table.decide(&request).terms.access,
            access,
            "{method} {target}"
        );
    }
}

#[test]
fn the_preset_changes_nothing_of_the_default_terms_but_the_access() {
    let default = Terms {
        on_client_gone: OnClientGone::Stay,
        mode: Mode::Observe,
        ..terms(Access::Read)
    };
    for preset in Preset::ALL {
        for route in preset::routes(preset, &default) {
            assert_eq!(
                *route.terms,
                Terms {
                    access: Access::None,
                    ..default.clone()
                }
            );
            assert_eq!(route.origin, Origin::Preset);
        }
    }
}

#[test]
fn a_preset_brings_no_route_where_a_missing_file_may_be_a_writer() {
    let default = terms(Access::Write);
    for preset in [
        Preset::Express,
        Preset::Java,
        Preset::Php,
        Preset::WooCommerce,
    ] {
        assert!(preset::routes(preset, &default).is_empty(), "{preset:?}");
    }
}

#[test]
fn each_preset_takes_out_what_uses_no_session_and_nothing_like_it() {
    for (preset, free, serialized) in OF_PRESETS {
        let default = terms(Access::Write);
        let routes = preset::routes(*preset, &default);
        let table = RouteTable::new(routes, Arc::new(default), preset::path_case(*preset));
        let each = |list: Requests, expected| {
            for (method, target) in list {
                let request = request(method, target, &[]);
                assert_eq!(
                    table.decide(&request).terms.access,
                    expected,
                    "{preset:?} {method} {target}"
                );
            }
        };
        each(free, Access::None);
        each(serialized, Access::Write);
    }
}

#[test]
fn a_preset_decides_how_its_application_holds_the_session() {
    for preset in Preset::ALL {
        let follows = matches!(preset, Preset::AspNet | Preset::Sitecore);
        assert_eq!(
            preset::reads(preset) == Reads::Follow,
            follows,
            "{preset:?}"
        );
        let never_breaks = matches!(preset, Preset::Php | Preset::Magento | Preset::Moodle);
        assert_eq!(
            preset::on_hold_limit(preset) == OnHoldLimit::Wait,
            never_breaks,
            "{preset:?}"
        );
        let grace = match preset {
            Preset::AspNetCore => Duration::from_millis(50),
            _ => Duration::ZERO,
        };
        assert_eq!(
            preset::release(preset),
            Release::Body { grace },
            "{preset:?}"
        );
    }
    assert_eq!(preset::path_case(Preset::Java), PathCase::Sensitive);
    assert_eq!(preset::path_case(Preset::Sitecore), PathCase::Insensitive);
}

#[test]
fn the_operators_routes_go_before_the_presets_in_whatever_order_they_came() {
    let default = terms(Access::Write);
    let mut routes = preset::routes(Preset::AspNet, &default);
    routes.push(route(
        "mine",
        path_in("/content/**", PathCase::Insensitive),
        Access::Write,
    ));
    let table = RouteTable::new(routes, Arc::new(default), PathCase::Insensitive);
    let request = get("/content/site.css");
    assert_eq!(decided(&table, &request), "mine");
    assert_eq!(table.decide(&request).route, Some(0));
}

#[test]
fn the_explanation_names_each_route_before_the_match_and_why_not() {
    let table = aspnet(vec![
        route(
            "api",
            path_in("/api/**", PathCase::Insensitive),
            Access::Read,
        ),
        route(
            "post",
            Criteria {
                methods: vec![Method::POST],
                ..Criteria::default()
            },
            Access::Write,
        ),
    ]);
    let request = get("/Content/(S(x))/../Site.CSS");
    let explanation = table.explain(&request);
    assert_eq!(explanation.path.as_deref(), Ok("/content/site.css"));
    let words: Vec<String> = explanation
        .steps
        .iter()
        .map(|s| format!("{}: {}", s.label, s.outcome))
        .collect();
    assert_eq!(
        words,
        [
            "api: path /content/site.css does not match /api/**",
            "post: method GET is not one of POST",
            "preset:signalr: path /content/site.css does not match **/signalr/**",
            "preset:WebResource.axd: path /content/site.css does not match **/WebResource.axd",
            "preset:ScriptResource.axd: path /content/site.css does not match **/ScriptResource.axd",
            "preset:static: matched",
        ]
    );
    assert_eq!(explanation.steps[5].origin, Origin::Preset);
}

#[test]
fn an_explanation_shows_no_header_and_no_query_value() {
    let criteria = Criteria {
        headers: vec![HeaderMatch {
            name: http::header::AUTHORIZATION,
            value: Some(ValuePattern::new("Basic *").unwrap()),
        }],
        ..Criteria::default()
    };
    let table = table(vec![route("it", criteria, Access::Read)]);
    let request = request(
        "GET",
        "/(S(credential))/x;jsessionid=credential?a=credential",
        &[("authorization", "credential")],
    );
    assert!(!format!("{:?}", table.explain(&request)).contains("credential"));
}

#[test]
fn labels_are_a_closed_set_that_holds_each_decision() {
    let table = aspnet(vec![route("mine", path("/a"), Access::Read)]);
    let labels: Vec<&str> = table.labels().map(|label| &**label).collect();
    assert_eq!(labels.len(), 1 + 5 + 3);
    for request in [
        get("/a"),
        get("/b"),
        get("/%"),
        get("/?_method=x"),
        get("/x.css"),
    ] {
        assert!(labels.contains(&decided(&table, &request).as_str()));
    }
}

#[test]
fn a_route_that_can_never_match_is_found() {
    let post = Criteria {
        methods: vec![Method::POST],
        ..Criteria::default()
    };
    let get_in = |glob: &str| Criteria {
        methods: vec![Method::GET],
        ..path(glob)
    };
    let ext_at = |glob: &str| Criteria {
        path: path(glob).path,
        ..extensions(&["css"])
    };
    let table = aspnet(vec![
        route("0", path("/reports/**"), Access::Read),
        route("1: below 0", path("/reports/daily/*"), Access::Write),
        route("2: the folder of 0", get_in("/reports"), Access::Write),
        route("3: beside 0", path("/reports.aspx"), Access::Write),
        route(
            "4: contradicts itself",
            Criteria {
                extensions: extensions(&["css"]).extensions,
                ..post.clone()
            },
            Access::None,
        ),
        route("5", get_in("/a"), Access::Read),
        route("6: more than 5", path("/a"), Access::Write),
        route("7: another file", ext_at("/a.js"), Access::None),
        route("8: path information", ext_at("/a.aspx/a.css"), Access::None),
        route("9: a file", ext_at("/a.css"), Access::None),
        route("10", extensions(&["css", "js"]), Access::None),
        route("11: fewer than 10", extensions(&["js"]), Access::None),
        route("12: a catch-all", path("/**"), Access::Read),
        route("13: behind it", Criteria::default(), Access::Write),
        route("14: behind it", post, Access::Write),
    ]);
    let by = |by: usize| Never::Covered {
        by,
        label: Label::clone(&table.routes()[by].label),
    };
    let never: Vec<(usize, Never)> = table
        .never_matching()
        .into_iter()
        .map(|n| (n.route, n.reason))
        .collect();
    assert_eq!(
        never,
        [
            (1, by(0)),
            (2, by(0)),
            (4, Never::ExtensionsWithoutGet),
            (7, Never::ExtensionsAgainstPath),
            (8, Never::ExtensionsAgainstPath),
            (11, by(10)),
            (13, by(12)),
            (14, by(12)),
        ]
    );
    assert_eq!(
        never[0].1.to_string(),
        "routes[0] (0) matches first whatever this one would match"
    );
}

#[test]
fn a_narrower_earlier_route_covers_nothing() {
    let with = |criteria: Criteria| {
        vec![
            route("0", criteria, Access::Read),
            route("1", path("/a/**"), Access::Read),
        ]
    };
    let header = HeaderMatch {
        name: HeaderName::from_static("x-a"),
        value: None,
    };
    let query = QueryMatch {
        name: "a".to_owned(),
        value: None,
    };
    let narrower = [
        Criteria {
            methods: vec![Method::GET],
            ..path("/**")
        },
        Criteria {
            host: Some(HostPattern::new("*.x").unwrap()),
            ..path("/**")
        },
        Criteria {
            headers: vec![header.clone()],
            ..path("/**")
        },
        Criteria {
            query: vec![query],
            ..path("/**")
        },
        extensions(&["css"]),
        path("/a/b/**"),
        path("/a/*"),
    ];
    for criteria in narrower {
        assert_eq!(
            table(with(criteria.clone())).never_matching(),
            [],
            "{criteria:?}"
        );
    }
    // The same criterion on both sides covers; with a value on the earlier side only, it does not.
    let value = Some(ValuePattern::new("1").unwrap());
    let any = Criteria {
        headers: vec![header.clone()],
        ..path("/**")
    };
    let one = Criteria {
        headers: vec![HeaderMatch { value, ..header }],
        ..path("/a")
    };
    let pair = |first: &Criteria, second: &Criteria| {
        table(vec![
            route("0", first.clone(), Access::Read),
            route("1", second.clone(), Access::Read),
        ])
    };
    assert_eq!(pair(&any, &one).never_matching().len(), 1);
    assert_eq!(pair(&one, &any).never_matching().len(), 0);
}

/// Methods and targets.
type Requests = &'static [(&'static str, &'static str)];

/// What a preset takes out of the lane, and what it leaves in it.
const OF_PRESETS: &[(Preset, Requests, Requests)] = &[
    (
        Preset::Sitecore,
        &[
            ("GET", "/-/media/shop/hero.ashx?w=300"),
            ("HEAD", "/~/Media/shop/hero.jpg"),
            ("GET", "/en/-/media/a"),
            ("GET", "/sitecore/shell/themes/standard/default.css"),
            ("GET", "/WebResource.axd?d=1"),
        ],
        &[
            ("POST", "/-/media/upload"),
            ("GET", "/media/hero"),
            ("GET", "/sitecore/shell/default.aspx"),
            ("GET", "/sitecore/login"),
            ("GET", "/layouts/system/VisitorIdentification.aspx"),
            ("GET", "/api/sitecore/cart/show"),
            ("GET", "/~/icon/applications/16x16/x.png.aspx"),
        ],
    ),
    (
        Preset::AspNetCore,
        &[
            ("GET", "/lib/site.js"),
            ("POST", "/_blazor/negotiate"),
            ("GET", "/shop/_blazor?id=1"),
        ],
        &[("GET", "/hubs/chat"), ("OPTIONS", "/api")],
    ),
    (
        Preset::ClassicAsp,
        &[("GET", "/Images/LOGO.GIF")],
        &[("GET", "/default.asp"), ("GET", "/page.asp/logo.gif")],
    ),
    (
        Preset::ColdFusion,
        &[("GET", "/css/main.css")],
        &[("GET", "/index.cfm/a.css"), ("GET", "/api/users.cfc")],
    ),
    (
        Preset::Django,
        &[("GET", "/static/admin/css/base.css")],
        &[
            ("GET", "/captcha/image/1.png"),
            ("GET", "/Static/a.css"),
            ("POST", "/static/a.js"),
        ],
    ),
    (
        Preset::Laravel,
        &[("GET", "/build/assets/app-4ed993c7.js")],
        &[
            ("GET", "/storage/avatars/1.png"),
            ("GET", "/shop/build/a.js"),
        ],
    ),
    (
        Preset::Rails,
        &[
            ("GET", "/assets/application-1a2b.css"),
            ("GET", "/packs/js/app.js"),
        ],
        &[
            ("GET", "/rails/active_storage/blobs/x/a.png"),
            ("GET", "/assets/export"),
        ],
    ),
    (
        Preset::Magento,
        &[
            (
                "GET",
                "/static/version1700000000/frontend/Magento/luma/en_US/mage/app.js",
            ),
            ("GET", "/pub/media/catalog/product/a/b/ab.jpg"),
            ("GET", "/skin/frontend/base/default/css/styles.css"),
        ],
        &[
            ("GET", "/customer/section/load/?sections=cart"),
            ("GET", "/favicon.ico"),
            ("GET", "/media/export.csv"),
            ("GET", "/shop/media/a.jpg"),
        ],
    ),
    (
        Preset::Moodle,
        &[
            ("GET", "/theme/styles.php/boost/1700000000_1/all"),
            ("GET", "/moodle/theme/image.php/boost/core/1700000000/u/f1"),
            ("GET", "/lib/requirejs.php/1700000000/core/first.js"),
            (
                "GET",
                "/theme/yui_combo.php?rollup/3.18.1/yui-moodlesimple-min.js",
            ),
            ("POST", "/lib/ajax/service-nologin.php"),
        ],
        &[
            ("GET", "/course/format/onetopic/styles.php"),
            ("POST", "/lib/ajax/service.php"),
            ("GET", "/pluginfile.php/1/user/icon/f1.png"),
            ("GET", "/theme/styles.phpx"),
            ("GET", "/a/b/theme/styles.php"),
        ],
    ),
];
