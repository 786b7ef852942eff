//! The order of routes, routes that never match, and routes that are demoted.

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

#[test]
fn a_read_route_that_is_demoted_writes_and_no_other_does() {
    let table = table(vec![
        route("one", path("/a"), Access::Read),
        route("two", path("/b"), Access::Read),
        route("three", path("/c"), Access::None),
    ]);
    let access = |target| table.decide(&get(target)).terms.access;
    assert_eq!(access("/a"), Access::Read);
    assert_eq!(table.demote(Some(0)), Demoted::Now);
    assert_eq!(table.demote(Some(0)), Demoted::Before);
    assert_eq!((access("/a"), access("/b")), (Access::Write, Access::Read));
    assert_eq!(table.demote(Some(2)), Demoted::Before, "it is no read");
    assert_eq!(access("/c"), Access::None);
    let labels: Vec<_> = table.demoted().map(|label| &**label).collect();
    assert_eq!(labels, ["one"]);
}

#[test]
fn the_default_can_be_demoted_as_well() {
    let table = RouteTable::new(
        vec![route("one", path("/a"), Access::Read)],
        Arc::new(terms(Access::Read)),
        PathCase::Sensitive,
    );
    assert_eq!(table.demote(None), Demoted::Now);
    assert_eq!(table.decide(&get("/x")).terms.access, Access::Write);
    assert_eq!(table.decide(&get("/a")).terms.access, Access::Read);
    let labels: Vec<_> = table.demoted().map(|label| &**label).collect();
    assert_eq!(labels, ["default"]);
}
