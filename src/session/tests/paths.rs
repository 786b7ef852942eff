//! Normalization of paths.

use std::borrow::Cow;

use proptest::prelude::*;

use crate::session::path::{PathCase, Unsafe, normalize};

#[test]
fn spellings_of_one_path_come_out_as_one() {
    let table = [
        ("/", "/"),
        ("/a/b.aspx", "/a/b.aspx"),
        ("/a/b/", "/a/b/"),
        ("//a///b", "/a/b"),
        ("/a//", "/a/"),
        ("/./a/./b/.", "/a/b/"),
        ("/x/../a", "/a"),
        ("/x/%2e%2e/a", "/a"),
        ("/x/%2E./a", "/a"),
        ("/x/y/..", "/x/"),
        ("/x/..", "/"),
        ("/a\\b", "/a/b"),
        ("/x\\..\\a", "/a"),
        ("/x%5c..%5Ca", "/a"),
        ("/x%2f..%2Fa", "/a"),
        ("/%61", "/a"),
        ("/a%20b", "/a b"),
        ("/100%25", "/100%"),
        ("/%c3%a9", "/\u{e9}"),
        ("/\u{e9}", "/\u{e9}"),
        ("/.well-known/x", "/.well-known/x"),
        ("/...", "/..."),
        ("/a.", "/a."),
        ("/page;jsessionid=0F1E", "/page"),
        ("/a;x=1/b;y=2", "/a/b"),
        ("/;x/a", "/a"),
        ("/page;a%20b", "/page"),
        ("/(S(x))/page.aspx", "/page.aspx"),
        ("/app/(A(x)S(y))/page.aspx", "/app/page.aspx"),
        ("/%28S(x))/page.aspx", "/page.aspx"),
        ("/(S(x))/", "/"),
        ("/(S(x))", "/(S(x))"),
        ("/(x)/page.aspx", "/(x)/page.aspx"),
        ("/a(S(x))/page.aspx", "/a(S(x))/page.aspx"),
        ("/Page.ASPX", "/Page.ASPX"),
    ];
    for (raw, expected) in table {
        assert_eq!(
            normalize(raw, PathCase::Sensitive).as_deref(),
            Ok(expected),
            "{raw}"
        );
    }
}

#[test]
fn case_is_folded_where_the_application_ignores_it() {
    for raw in ["/Page.aspx", "/PAGE.ASPX", "/p%41ge.aspx", "/page.aspx"] {
        assert_eq!(
            normalize(raw, PathCase::Insensitive).as_deref(),
            Ok("/page.aspx"),
            "{raw}"
        );
    }
    // Letter by letter: a final sigma must not depend on what stands before it.
    assert_eq!(
        normalize("/\u{391}\u{3a3}", PathCase::Insensitive).as_deref(),
        Ok("/\u{3b1}\u{3c3}")
    );
    assert_eq!(
        normalize("/(S(X))/Page", PathCase::Insensitive).as_deref(),
        Ok("/page")
    );
}

#[test]
fn what_servers_may_read_differently_is_unsafe() {
    let table = [
        ("/a.css%00.aspx", Unsafe::Control),
        ("/a%0d%0a", Unsafe::Control),
        ("/a%7f", Unsafe::Control),
        ("/a;%00", Unsafe::Control),
        ("/a%", Unsafe::Escape),
        ("/a%2", Unsafe::Escape),
        ("/a%zz", Unsafe::Escape),
        ("/a%u002e", Unsafe::Escape),
        ("/a;%zz", Unsafe::Escape),
        ("/%ff", Unsafe::Encoding),
        ("/%c0%ae%c0%ae/", Unsafe::Encoding),
        ("/..", Unsafe::AboveRoot),
        ("/../a", Unsafe::AboveRoot),
        ("/a/../../b", Unsafe::AboveRoot),
        ("/%2e%2e/", Unsafe::AboveRoot),
        ("/..\\a", Unsafe::AboveRoot),
        ("/%252e%252e/a", Unsafe::DoubleEncoded),
        ("/a%252fb", Unsafe::DoubleEncoded),
        ("/a%25%32%65", Unsafe::DoubleEncoded),
        ("/x/..;/a", Unsafe::Ambiguous),
        ("/x/.;v=1/a", Unsafe::Ambiguous),
        ("/x.asp%3b.jpg", Unsafe::Ambiguous),
        ("/x;a%2fb", Unsafe::Ambiguous),
        ("/x;a\\..\\b", Unsafe::Ambiguous),
        ("/a//../b", Unsafe::Ambiguous),
        ("/a//b/../..", Unsafe::Ambiguous),
        ("*", Unsafe::NotAPath),
        ("", Unsafe::NotAPath),
        ("\\a", Unsafe::NotAPath),
    ];
    for (raw, expected) in table {
        for case in [PathCase::Sensitive, PathCase::Insensitive] {
            assert_eq!(normalize(raw, case), Err(expected), "{raw}");
        }
    }
    for raw in ["/page.aspx.", "/page.aspx%20", "/a./b", "/page.aspx.;v=1"] {
        assert_eq!(
            normalize(raw, PathCase::Insensitive),
            Err(Unsafe::TrailingDot),
            "{raw}"
        );
        assert!(normalize(raw, PathCase::Sensitive).is_ok(), "{raw}");
    }
}

#[test]
fn an_ordinary_path_costs_no_allocation() {
    for raw in ["/", "/shop/cart/add.aspx", "/a-b_c/d.e/f~g,h+i@j"] {
        assert!(
            matches!(normalize(raw, PathCase::Insensitive), Ok(Cow::Borrowed(_))),
            "{raw}"
        );
    }
    assert!(matches!(
        normalize("/Shop", PathCase::Sensitive),
        Ok(Cow::Borrowed(_))
    ));
    assert!(matches!(
        normalize("/Shop", PathCase::Insensitive),
        Ok(Cow::Owned(_))
    ));
}

const PIECES: &str = "(/|//|\\\\|\\.|\\.\\.|;|;x=1|%2e|%2f|%5C|%25|%3b|%00|%c3|%a9|%|\\(S\\(x\\)\\)|\\(|\\)|[a-cA-C]|é|İ|Σ| |\\?|~){0,14}";

proptest! {
    #[test]
    fn normalizing_twice_changes_nothing(path in PIECES, insensitive: bool) {
        let case = if insensitive { PathCase::Insensitive } else { PathCase::Sensitive };
        let raw = format!("/{path}");
        if let Ok(once) = normalize(&raw, case) {
            // A % that is left stands for itself, so it is written as a client would write it.
            let again = once.replace('%', "%25");
            let twice = normalize(&again, case);
            prop_assert_eq!(twice.as_deref(), Ok(&*once), "{}", raw);
        }
    }

    #[test]
    fn a_normal_path_has_no_second_reading(path in PIECES) {
        if let Ok(normal) = normalize(&format!("/{path}"), PathCase::Insensitive) {
            prop_assert!(normal.starts_with('/'));
            prop_assert!(!normal.contains("//") && !normal.contains(['\\', ';', '\0']), "{}", normal);
            prop_assert!(!normal.split('/').any(|segment| matches!(segment, "." | "..")), "{}", normal);
            prop_assert!(!normal.contains(|c: char| c.is_ascii_uppercase()), "{}", normal);
        }
    }

    #[test]
    fn no_path_makes_it_panic(path in any::<String>()) {
        for case in [PathCase::Sensitive, PathCase::Insensitive] {
            // Reaching the end is the assertion.
            drop(normalize(&path, case).map(Cow::into_owned));
        }
    }
}
