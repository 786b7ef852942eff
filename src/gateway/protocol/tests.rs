//! Which requests pass, in which form, and what the others are told.

use super::*;

const BOUNDS: HeadBounds = HeadBounds {
    url_length: 1024,
    headers: 100,
};

fn checked(request: http::request::Builder) -> Result<Parts, Reason> {
    broken(request).map_err(|broken| broken.refusal().reason)
}

fn broken(request: http::request::Builder) -> Result<Parts, Broken> {
    let (mut head, ()) = request.body(()).unwrap().into_parts();
    check(&mut head, BOUNDS).map(|_| head)
}

fn get(target: &str) -> http::request::Builder {
    http::Request::get(target).header("host", "site.example")
}

#[test]
fn an_ordinary_request_passes_as_it_is() {
    assert_eq!(checked(get("/a?b")).unwrap().uri, "/a?b");
}

#[test]
fn host_is_required_once_and_valid() {
    let bare = || http::Request::get("/");
    assert_eq!(checked(bare()).unwrap_err(), Reason::BadRequest);
    assert_eq!(
        checked(bare().header("host", "a").header("host", "a")).unwrap_err(),
        Reason::BadRequest
    );
    for odd in [
        "a b",
        "user@site",
        "site/path",
        "",
        "a,b c",
        "a:port",
        "a:65536",
        ":80",
        "a:-1",
        "a\\b",
        "a<b",
        "a%zz",
    ] {
        assert_eq!(
            checked(bare().header("host", odd)).unwrap_err(),
            Reason::BadRequest,
            "{odd:?}"
        );
    }
    for usual in [
        "[::1]:8080",
        "[::1]",
        "a",
        "a:",
        "a:65535",
        "192.0.2.1:80",
        "a_b.c",
    ] {
        assert!(checked(bare().header("host", usual)).is_ok(), "{usual}");
    }
    assert!(checked(bare().version(Version::HTTP_10)).is_ok());
}

#[test]
fn an_absolute_target_decides_the_host() {
    let head = checked(get("http://other.example:81/x?y")).unwrap();
    assert_eq!(head.headers[HOST], "other.example:81");
    assert_eq!(head.uri, "/x?y");
    for bare in ["http://other.example", "http://other.example#fragment"] {
        assert_eq!(checked(get(bare)).unwrap().uri.to_string(), "/", "{bare}");
    }
}

#[test]
fn the_authority_of_http_2_is_its_host() {
    let head = checked(http::Request::get("https://site.example/x").version(Version::HTTP_2));
    assert_eq!(head.unwrap().headers[HOST], "site.example");
    let without = http::Request::get("/x").version(Version::HTTP_2);
    assert_eq!(broken(without).unwrap_err(), Broken::NoHost);
}

#[test]
fn a_refusal_says_which_rule_is_broken() {
    let twice = broken(get("/").header("host", "other")).unwrap_err();
    let detail = twice.refusal().detail;
    assert_eq!(detail, Some("The request has two Host fields."));
    assert_eq!(broken(get("ftp://site/x")).unwrap_err(), Broken::Scheme);
    assert_eq!(broken(get("*")).unwrap_err(), Broken::Asterisk);
}

#[test]
fn a_length_has_no_leading_zeros() {
    for (said, plain) in [("010", "10"), ("00", "0"), ("0", "0"), ("7", "7")] {
        let head = checked(get("/").header("content-length", said)).unwrap();
        assert_eq!(head.headers[CONTENT_LENGTH], plain);
    }
}

#[test]
fn forwards_of_options_are_counted() {
    let asked = |request: http::request::Builder| {
        let (mut head, ()) = request.body(()).unwrap().into_parts();
        (
            check(&mut head, BOUNDS).unwrap(),
            head.headers[MAX_FORWARDS].clone(),
        )
    };
    let options = |left| get("/").method("OPTIONS").header("max-forwards", left);
    for (left, expected, forwarded) in [
        ("5", Asked::Application, "4"),
        ("1", Asked::Application, "0"),
        ("0", Asked::Server, "0"),
        ("soon", Asked::Application, "soon"),
    ] {
        assert_eq!(
            asked(options(left)),
            (expected, HeaderValue::from_static(forwarded))
        );
    }
    let other = asked(get("/").header("max-forwards", "0"));
    assert_eq!(other.0, Asked::Application, "OPTIONS and TRACE alone");
}

#[test]
fn a_transfer_encoding_is_one_chunked_or_refused() {
    let with = |value| get("/").header("transfer-encoding", value);
    assert!(checked(with("chunked")).is_ok());
    assert!(checked(with("Chunked ")).is_ok());
    for odd in ["gzip, chunked", "chunked, chunked", "identity", "xchunked"] {
        assert_eq!(
            checked(with(odd)).unwrap_err(),
            Reason::NotImplemented,
            "{odd}"
        );
    }
    let twice = with("chunked").header("transfer-encoding", "chunked");
    assert_eq!(checked(twice).unwrap_err(), Reason::BadRequest);
    let old = with("chunked").version(Version::HTTP_10);
    assert_eq!(checked(old).unwrap_err(), Reason::BadRequest);
}

#[test]
fn odd_methods_targets_and_expectations_are_refused() {
    assert_eq!(
        checked(get("/").method("TRACE")).unwrap_err(),
        Reason::MethodNotAllowed
    );
    assert_eq!(
        checked(get("site:443").method("CONNECT")).unwrap_err(),
        Reason::MethodNotAllowed
    );
    assert_eq!(checked(get("site:443")).unwrap_err(), Reason::BadRequest);
    assert_eq!(checked(get("*")).unwrap_err(), Reason::BadRequest);
    assert!(checked(get("*").method("OPTIONS")).is_ok());
    assert_eq!(
        checked(get("/").header("expect", "tea")).unwrap_err(),
        Reason::ExpectationFailed
    );
    assert!(checked(get("/").header("expect", "100-Continue")).is_ok());
}
