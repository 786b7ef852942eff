//! Requests that may not be what they look like.

use proptest::prelude::*;

use super::*;

#[test]
fn a_path_that_cannot_be_normalized_is_a_write_even_where_the_default_is_not() {
    let table = RouteTable::new(
        vec![route("all", path("/**"), Access::None)],
        Arc::new(terms(Access::Read)),
        PathCase::Insensitive,
    );
    for target in [
        "/a.css%00.aspx",
        "/../a",
        "/%252e",
        "/a%",
        "/%ff",
        "/x/..;/a",
        "/page.aspx.",
    ] {
        let request = get(target);
        assert_eq!(decided(&table, &request), "unsafe_path", "{target}");
        assert_eq!(
            table.decide(&request).terms.access,
            Access::Write,
            "{target}"
        );
        assert!(table.explain(&request).path.is_err() && table.explain(&request).steps.is_empty());
    }
    assert_eq!(
        decided(&table, &request("OPTIONS", "*", &[])),
        "unsafe_path"
    );
    assert_eq!(table.decide(&get("/a")).terms.access, Access::None);
}

#[test]
fn a_method_override_is_a_write_on_the_default_terms() {
    let table = table(vec![route("read", path("/api/**"), Access::Read)]);
    assert_eq!(decided(&table, &get("/api/x")), "read");
    for name in [
        "X-HTTP-Method-Override",
        "x-http-method",
        "X-Method-Override",
        "X_HTTP_METHOD_OVERRIDE",
    ] {
        let request = request("GET", "/api/x", &[(name, "DELETE")]);
        assert_eq!(decided(&table, &request), "method_override", "{name}");
        assert_eq!(table.decide(&request).terms.access, Access::Write, "{name}");
    }
    for query in [
        "_method=DELETE",
        "a=1&%5Fmethod=PUT",
        "_METHOD",
        ".method=x",
        "X-HTTP-Method-Override=PUT",
    ] {
        assert_eq!(
            decided(&table, &get(&format!("/api/x?{query}"))),
            "method_override",
            "{query}"
        );
    }
    for query in ["method=x", "a=_method", "_methods=x", "__method=x"] {
        assert_eq!(
            decided(&table, &get(&format!("/api/x?{query}"))),
            "read",
            "{query}"
        );
    }
}

#[test]
fn the_path_decides_as_the_application_will_read_it() {
    let table = aspnet(vec![
        route(
            "checkout",
            path_in("/Checkout.aspx", PathCase::Insensitive),
            Access::Write,
        ),
        route("rest", path_in("/**", PathCase::Insensitive), Access::Read),
    ]);
    let spellings = [
        "/checkout.aspx",
        "/CHECKOUT.ASPX",
        "//checkout.aspx",
        "/./checkout.aspx",
        "/a/../checkout.aspx",
        "/a/%2e%2e/checkout.aspx",
        "/a\\..\\checkout.aspx",
        "/%63heckout.aspx",
        "/checkout%2easpx",
        "/checkout.aspx;x=1",
        "/(S(lit3py55t21z5v55vlm25s55))/checkout.aspx",
        "/%28S(x)%29/checkout.aspx",
    ];
    for target in spellings {
        assert_eq!(decided(&table, &get(target)), "checkout", "{target}");
    }
    // Control: the pattern alone, on raw paths, lets all but the plain spelling slip through.
    let pattern = PathPattern::glob("/Checkout.aspx", PathCase::Insensitive).unwrap();
    assert_eq!(
        spellings
            .iter()
            .filter(|target| pattern.matches(target))
            .count(),
        1
    );
}

#[derive(Clone, Copy, Debug)]
enum Spelled {
    Plain,
    Upper,
    Escaped,
    DoubleSlash,
    Dot,
    Parent,
    Backslash,
    Parameter,
    Cookieless,
}

fn spelled(segments: &[(String, Spelled)]) -> String {
    let each = segments.iter().map(|(segment, spelling)| match spelling {
        Spelled::Plain => format!("/{segment}"),
        Spelled::Upper => format!("/{}", segment.to_uppercase()),
        Spelled::Escaped => segment
            .bytes()
            .fold("/".to_owned(), |all, byte| format!("{all}%{byte:02X}")),
        Spelled::DoubleSlash => format!("//{segment}"),
        Spelled::Dot => format!("/%2e/{segment}"),
        Spelled::Parent => format!("/x/..\\{segment}"),
        Spelled::Backslash => format!("/.\\{segment}"),
        Spelled::Parameter => format!("/{segment};v=1"),
        Spelled::Cookieless => format!("/(S(x))/{segment}"),
    });
    each.collect()
}

proptest! {
    #[test]
    fn spellings_that_iis_takes_for_one_path_are_decided_alike(
        segments in prop::collection::vec(
            ("(checkout|reports|signalr|a|b\\.aspx|x\\.css|webresource\\.axd|[a-z]{1,3})", prop::sample::select(vec![
                Spelled::Plain, Spelled::Upper, Spelled::Escaped, Spelled::DoubleSlash, Spelled::Dot,
                Spelled::Parent, Spelled::Backslash, Spelled::Parameter, Spelled::Cookieless,
            ])),
            1..5,
        ),
    ) {
        // What servers read differently, `..` behind `//`, is not one path to all of them.
        let mut segments = segments;
        if segments.iter().any(|(_, spelling)| matches!(spelling, Spelled::DoubleSlash)) {
            segments.iter_mut().filter(|(_, s)| matches!(s, Spelled::Parent)).for_each(|(_, s)| *s = Spelled::Plain);
        }
        let table = aspnet(vec![
            route("checkout", path_in("/checkout/*", PathCase::Insensitive), Access::Write),
            route("reports", path_in("/**/reports/**", PathCase::Insensitive), Access::Read),
            route("a", Criteria {
                path: Some(PathPattern::regex("/A(/|$)", PathCase::Insensitive).unwrap()),
                ..Criteria::default()
            }, Access::Read),
        ]);
        let plain: String = segments.iter().map(|(segment, _)| format!("/{segment}")).collect();
        let other = spelled(&segments);
        prop_assert_eq!(decided(&table, &get(&plain)), decided(&table, &get(&other)), "{} and {}", plain, other);
    }

    #[test]
    fn no_request_makes_it_panic(target in "/[!-~]{0,40}", header in "[!-~]{0,20}", host in "[!-~]{0,20}") {
        let table = aspnet(vec![
            route("a", Criteria { query: vec![QueryMatch { name: "a".to_owned(), value: None }], ..Criteria::default() }, Access::Read),
            route("b", Criteria { host: Some(HostPattern::new("*").unwrap()), ..Criteria::default() }, Access::Read),
        ]);
        if let Ok(uri) = target.parse::<http::Uri>() {
            let mut request = request("GET", "/", &[("x", &header), ("host", &host)]);
            request.uri = uri;
            prop_assert!(!decided(&table, &request).is_empty());
        }
    }
}
