//! Criteria by themselves.

use super::*;

type Lines<'l> = &'l [(&'l str, &'l str)];

/// The targets that a route with these criteria takes, of those given.
fn taken<'t>(criteria: Criteria, targets: &[&'t str]) -> Vec<&'t str> {
    let table = table(vec![route("it", criteria, Access::Read)]);
    targets
        .iter()
        .copied()
        .filter(|target| decided(&table, &get(target)) == "it")
        .collect()
}

#[test]
fn a_star_stays_within_a_segment_and_two_go_across() {
    let targets = ["/a", "/a/", "/a/b", "/a/b/c", "/ab", "/x/a", "/"];
    assert_eq!(taken(path("/a"), &targets), ["/a"]);
    assert_eq!(taken(path("/a/*"), &targets), ["/a/", "/a/b"]);
    assert_eq!(taken(path("/a*"), &targets), ["/a", "/ab"]);
    assert_eq!(taken(path("/*/c"), &targets), [""; 0]);
    assert_eq!(taken(path("/**/c"), &targets), ["/a/b/c"]);
    assert_eq!(taken(path("**/a"), &targets), ["/a", "/x/a"]);
    assert_eq!(taken(path("/{a,x}/?"), &targets), ["/a/b", "/x/a"]);
    assert_eq!(taken(path("/**"), &targets), targets);
}

#[test]
fn two_stars_at_the_end_match_the_folder_itself_too() {
    let targets = [
        "/reports",
        "/reports/",
        "/reports/a/b",
        "/reports.aspx",
        "/reportsx/a",
        "/x/reports/a",
    ];
    assert_eq!(
        taken(path("/reports/**"), &targets),
        ["/reports", "/reports/", "/reports/a/b"]
    );
    assert_eq!(
        taken(path("/r*s/**"), &targets),
        ["/reports", "/reports/", "/reports/a/b"]
    );
    assert_eq!(
        taken(path("**/reports/**"), &targets),
        ["/reports", "/reports/", "/reports/a/b", "/x/reports/a"]
    );
}

#[test]
fn an_expression_is_searched_in_the_normalized_path() {
    let regex = |pattern: &str, case| Criteria {
        path: Some(PathPattern::regex(pattern, case).unwrap()),
        ..Criteria::default()
    };
    let targets = [
        "/api/v1/x",
        "/api/v2/x",
        "//api/%761/x",
        "/x/api/v1/",
        "/API/v1/",
    ];
    assert_eq!(
        taken(regex("^/api/v1/", PathCase::Sensitive), &targets),
        ["/api/v1/x", "//api/%761/x"]
    );
    assert_eq!(
        taken(regex("api/v1", PathCase::Sensitive), &targets),
        ["/api/v1/x", "//api/%761/x", "/x/api/v1/"]
    );
    let insensitive = aspnet(vec![route(
        "it",
        regex("^/API/", PathCase::Insensitive),
        Access::Read,
    )]);
    assert_eq!(decided(&insensitive, &get("/Api/x")), "it");
}

#[test]
fn a_pattern_that_never_matches_is_an_error() {
    for glob in ["a", "", "*", "*.aspx", "**"] {
        assert!(
            matches!(
                PathPattern::glob(glob, PathCase::Sensitive),
                Err(PatternError::NoLeadingSlash)
            ),
            "{glob}"
        );
    }
    for glob in ["/a%20b", "/a//b", "/a;x", "/a/../b", "/./a"] {
        assert!(
            matches!(
                PathPattern::glob(glob, PathCase::Sensitive),
                Err(PatternError::Unmatchable(_))
            ),
            "{glob}"
        );
    }
    assert!(matches!(
        PathPattern::glob("/a[", PathCase::Sensitive),
        Err(PatternError::Glob(_))
    ));
    assert!(matches!(
        PathPattern::regex("(", PathCase::Sensitive),
        Err(PatternError::Regex(_))
    ));
    assert!(matches!(
        HostPattern::new("a.example:80"),
        Err(PatternError::HostWithPort)
    ));
    assert!(matches!(
        Extensions::new([]),
        Err(PatternError::NoExtensions)
    ));
    for list in [[""], ["."], ["a.b"], ["a/b"], ["*"]] {
        assert!(
            matches!(Extensions::new(list), Err(PatternError::Extension(_))),
            "{list:?}"
        );
    }
    assert_eq!(
        Extensions::new([".CSS"]).unwrap(),
        Extensions::new(["css"]).unwrap()
    );
}

#[test]
fn extensions_are_for_the_last_segment_of_get_and_head() {
    let table = table(vec![route(
        "static",
        extensions(&["css", "js"]),
        Access::None,
    )]);
    for (method, target, expected) in [
        ("GET", "/a/site.css", "static"),
        ("HEAD", "/a/site.css", "static"),
        ("POST", "/a/site.css", "default"),
        ("GET", "/a/SITE.CSS", "static"),
        ("GET", "/a/jquery.min.js?v=1", "static"),
        ("GET", "/site.css;v=1", "static"),
        ("GET", "/(S(x.y))/site.css", "static"),
        ("GET", "/x.aspx/../site.css", "static"),
        ("GET", "/site.css/", "default"),
        ("GET", "/css", "default"),
        ("GET", "/.css", "default"),
        ("GET", "/site.css.aspx", "default"),
        ("GET", "/page.aspx?x=.css", "default"),
        ("GET", "/checkout.aspx/x.css", "default"),
        ("GET", "/checkout.aspx%2fx.css", "default"),
        ("GET", "/checkout.aspx;x.css", "default"),
        ("GET", "/checkout.aspx/y/x.css", "default"),
        ("GET", "/a.css%00.aspx", "unsafe_path"),
        ("GET", "/checkout.aspx%00.css", "unsafe_path"),
        ("GET", "/checkout.aspx%3b.css", "unsafe_path"),
    ] {
        assert_eq!(
            decided(&table, &request(method, target, &[])),
            expected,
            "{method} {target}"
        );
    }
    // Control: a glob alone takes a page with path information for a file.
    let glob = super::table(vec![route("static", path("/**/*.css"), Access::None)]);
    assert_eq!(decided(&glob, &get("/checkout.aspx/x.css")), "static");
}

#[test]
fn all_criteria_that_are_given_must_hold() {
    let criteria = Criteria {
        path: Some(PathPattern::glob("/api/**", PathCase::Sensitive).unwrap()),
        methods: vec![Method::GET, Method::HEAD],
        host: Some(HostPattern::new("*.example.com").unwrap()),
        headers: vec![HeaderMatch {
            name: HeaderName::from_static("x-requested-with"),
            value: Some(ValuePattern::new("XML*").unwrap()),
        }],
        query: vec![QueryMatch {
            name: "mode".to_owned(),
            value: Some(ValuePattern::new("r/*").unwrap()),
        }],
        extensions: None,
    };
    let table = table(vec![route("it", criteria, Access::Read)]);
    let host = ("host", "Shop.Example.com:8080");
    let ajax = ("x-requested-with", "XMLHttpRequest");
    let cases: [(&str, &str, Lines<'_>, &str); 12] = [
        ("GET", "/api/x?mode=r/o", &[host, ajax], "matched"),
        (
            "HEAD",
            "/api/x?a=1&m%6Fde=w&mode=r%2Fo",
            &[host, ("x-requested-with", "no"), ajax],
            "matched",
        ),
        (
            "POST",
            "/api/x?mode=r/o",
            &[host, ajax],
            "method POST is not one of GET, HEAD",
        ),
        (
            "GET",
            "/app/x?mode=r/o",
            &[host, ajax],
            "path /app/x does not match /api/**",
        ),
        (
            "GET",
            "/api/x?mode=r/o",
            &[("host", "example.com"), ajax],
            "host example.com does not match *.example.com",
        ),
        (
            "GET",
            "/api/x?mode=r/o",
            &[ajax],
            "host (none) does not match *.example.com",
        ),
        (
            "GET",
            "/api/x?mode=r/o",
            &[host],
            "header x-requested-with is absent",
        ),
        (
            "GET",
            "/api/x?mode=r/o",
            &[host, ("x-requested-with", "xml")],
            "header x-requested-with does not match XML*",
        ),
        (
            "GET",
            "/api/x",
            &[host, ajax],
            "query parameter mode is absent",
        ),
        (
            "GET",
            "/api/x?Mode=r/o",
            &[host, ajax],
            "query parameter mode is absent",
        ),
        (
            "GET",
            "/api/x?mode=w",
            &[host, ajax],
            "query parameter mode does not match r/*",
        ),
        (
            "GET",
            "/api/x?mode=%ff",
            &[host, ajax],
            "query parameter mode does not match r/*",
        ),
    ];
    for (method, target, lines, expected) in cases {
        let request = request(method, target, lines);
        let explanation = table.explain(&request);
        assert_eq!(
            explanation.steps[0].outcome.to_string(),
            expected,
            "{method} {target}"
        );
        assert_eq!(
            decided(&table, &request),
            if expected == "matched" {
                "it"
            } else {
                "default"
            }
        );
    }
}

#[test]
fn an_ipv6_host_is_a_literal() {
    let host = Some(HostPattern::new("[::1]").unwrap());
    let table = table(vec![route(
        "it",
        Criteria {
            host,
            ..Criteria::default()
        },
        Access::Read,
    )]);
    assert_eq!(
        decided(&table, &request("GET", "/", &[("host", "[::1]:80")])),
        "it"
    );
    assert_eq!(
        decided(&table, &request("GET", "/", &[("host", "1")])),
        "default"
    );
}
