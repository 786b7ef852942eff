//! What reached the application, held against what the client's bytes say.
//!
//! Guarantees: what is checked is said in the messages.

use std::net::Ipv4Addr;

use super::application::{Account, Seen};
use super::client::Response;
use super::reference::{End, Extent, Fate, Reference, Request};
use super::wire::{self, shown};

/// Whether something of the client may still be under way although its connection has ended.
pub(super) fn may_go_on(reference: &Reference, responses: &[Response]) -> bool {
    responses.len() < reference.requests.len()
        || reference
            .requests
            .iter()
            .any(|request| request.extent == Extent::Cut)
}

/// Compares all there is.
pub(super) fn all(
    reference: &Reference,
    responses: &[Response],
    account: &Account,
    client: Ipv4Addr,
) {
    assert!(
        account.objections.is_empty(),
        "the application objects: {:#?}",
        account.objections
    );
    let most = reference.requests.len()
        + usize::from(!matches!(reference.end, End::Boundary | End::Closed));
    assert!(
        responses.len() <= most,
        "{} answers to {most} requests: {reference:#?}",
        responses.len()
    );
    let mut next = 0;
    for seen in &account.requests {
        let index = place(seen, responses, reference, next);
        let Some(request) = index.and_then(|index| reference.requests.get(index)) else {
            panic!("nobody sent this: {seen:#?}\nof {reference:#?}");
        };
        compare(seen, request, client);
        next = index.map_or(next, |index| index + 1);
    }
    for (index, response) in responses.iter().enumerate() {
        let seen = |number| {
            account
                .requests
                .iter()
                .any(|seen| seen.number == number && seen.whole)
        };
        assert!(
            response.seen.is_none_or(seen),
            "answer {index} is to nobody's request"
        );
    }
    ordinary_requests_are_served(reference, responses);
}

/// Which of the client's requests the application says it has seen: the one that has its answer; else the first behind
/// those before it to which the application did not answer.
fn place(seen: &Seen, responses: &[Response], reference: &Reference, from: usize) -> Option<usize> {
    let answered = responses
        .iter()
        .position(|response| response.seen == Some(seen.number));
    if answered.is_some() {
        return answered.filter(|index| *index >= from);
    }
    let unanswered = |index: &usize| {
        responses
            .get(*index)
            .is_none_or(|response| response.seen.is_none())
    };
    let alike = |index: &usize| {
        let request = &reference.requests[*index];
        request.method == seen.method
            && request.target == seen.target
            && !matches!(request.fate, Fate::MustNot(_))
    };
    (from..reference.requests.len())
        .filter(unanswered)
        .find(alike)
}

fn compare(seen: &Seen, request: &Request, client: Ipv4Addr) {
    let both = || format!("{seen:#?}\nfrom {request:#?}");
    if let Fate::MustNot(reason) = request.fate {
        panic!("{reason}: {}", both());
    }
    assert_eq!(
        shown(&seen.method),
        shown(&request.method),
        "the method: {}",
        both()
    );
    assert_eq!(
        shown(&seen.target),
        shown(&request.target),
        "the target: {}",
        both()
    );
    if seen.whole {
        assert_eq!(
            request.extent,
            Extent::Whole,
            "a cut request looks whole: {}",
            both()
        );
        assert_eq!(
            shown(&seen.body),
            shown(&request.body),
            "the body: {}",
            both()
        );
    } else {
        assert!(
            request.body.starts_with(&seen.body),
            "some of the body: {}",
            both()
        );
    }
    let hosts = wire::values(&seen.fields, "host");
    assert_eq!(hosts.len(), 1, "one Host: {}", both());
    if let Some(host) = &request.host {
        assert_eq!(shown(hosts[0]), shown(host), "the Host: {}", both());
    }
    assert_eq!(
        wire::values(&seen.fields, "x-forwarded-for"),
        [client.to_string().as_bytes()],
        "{}",
        both()
    );
    fields_are_the_clients_or_the_proxys(seen, request);
    let cookies = |fields| wire::values(fields, "cookie");
    assert_eq!(
        cookies(&seen.fields),
        cookies(&request.fields),
        "the cookies: {}",
        both()
    );
}

fn fields_are_the_clients_or_the_proxys(seen: &Seen, request: &Request) {
    let upgrades = !wire::values(&seen.fields, "upgrade").is_empty();
    let mut unused: Vec<&wire::Field> = request.fields.iter().collect();
    for field in &seen.fields {
        let (name, value) = (&*field.0, &*field.1);
        let plain: Vec<u8> = name
            .iter()
            .map(|byte| if *byte == b'_' { b'-' } else { *byte })
            .collect();
        if PROXYS.contains(&name) {
            let once = wire::values(&seen.fields, &String::from_utf8_lossy(name)).len() == 1;
            assert!(once, "{} twice: {seen:#?}", shown(name));
        } else if upgrades && matches!(name, b"connection" | b"upgrade") {
            assert!(name != b"connection" || value == b"upgrade", "{seen:#?}");
            let h2c = wire::members(&[value])
                .iter()
                .any(|protocol| protocol == b"h2c");
            assert!(!h2c, "out of sight: {seen:#?}");
        } else {
            assert!(
                !HOP_BY_HOP.contains(&name),
                "{} is for one hop: {seen:#?}",
                shown(name)
            );
            assert!(
                !(PROXYS.contains(&&*plain) || HOP_BY_HOP.contains(&&*plain)),
                "{} is a twin: {seen:#?}",
                shown(name)
            );
            let from = unused.iter().position(|own| is_from(field, own));
            let from = from.unwrap_or_else(|| {
                panic!("nobody said {}: {seen:#?}\nfrom {request:#?}", shown(name))
            });
            unused.remove(from);
        }
    }
}

/// Whether the application's field is the client's: as it was, or Max-Forwards with this hop counted (RFC 9110 7.6.2).
fn is_from(seen: &wire::Field, own: &wire::Field) -> bool {
    let left = |field: &wire::Field| wire::number(&field.1, 10);
    let counted = || left(own).and_then(|left| left.checked_sub(1)) == left(seen);
    seen == own || (seen.0 == own.0 && seen.0 == b"max-forwards" && counted())
}

/// As long as nothing odd came before them.
fn ordinary_requests_are_served(reference: &Reference, responses: &[Response]) {
    for (index, request) in reference.requests.iter().enumerate() {
        if request.fate != Fate::Must {
            return;
        }
        let served = responses
            .get(index)
            .is_some_and(|response| response.status == 200 && response.seen.is_some());
        assert!(
            served,
            "request {index} is ordinary and is not served: {responses:?}\nto {reference:#?}"
        );
    }
}

/// Fields that the proxy sets, whatever the client said.
const PROXYS: [&[u8]; 12] = [
    b"content-length",
    b"transfer-encoding",
    b"host",
    b"x-forwarded-for",
    b"x-forwarded-host",
    b"x-forwarded-proto",
    b"x-request-id",
    b"x-onelane-access",
    b"x-onelane-client",
    b"x-onelane-report",
    b"x-onelane-secret",
    b"x-onelane-ticket",
];
const HOP_BY_HOP: [&[u8]; 9] = [
    b"connection",
    b"keep-alive",
    b"proxy-connection",
    b"proxy-authenticate",
    b"proxy-authorization",
    b"te",
    b"trailer",
    b"upgrade",
    b"expect",
];

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::edge::reference;

    const CLIENT: Ipv4Addr = Ipv4Addr::new(127, 1, 0, 1);

    /// Whether the check finds fault with what the application saw of one POST of `hello`.
    fn objects(change: impl Fn(&mut Seen)) -> bool {
        let sent =
            b"POST /a HTTP/1.1\r\nHost: site\r\nCookie: sid=1\r\nContent-Length: 5\r\n\r\nhello";
        let field = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
        let mut seen = Seen {
            number: 7,
            method: b"POST".to_vec(),
            target: b"/a".to_vec(),
            fields: vec![
                field("host", "site"),
                field("cookie", "sid=1"),
                field("content-length", "5"),
                field("x-forwarded-for", "127.1.0.1"),
            ],
            body: b"hello".to_vec(),
            whole: true,
            client: CLIENT,
        };
        change(&mut seen);
        let account = Account {
            requests: vec![seen],
            objections: Vec::new(),
        };
        let response = Response {
            status: 200,
            seen: Some(7),
        };
        let check = || all(&reference::read(sent), &[response], &account, CLIENT);
        catch_unwind(AssertUnwindSafe(check)).is_err()
    }

    #[test]
    fn what_was_sent_is_no_fault_and_any_change_is_one() {
        assert!(!objects(|_| {}));
        assert!(objects(|seen| seen.body.truncate(4)), "a shorter body");
        assert!(objects(|seen| seen.target = b"/b".to_vec()), "a target");
        assert!(objects(|seen| seen.method = b"PUT".to_vec()), "a method");
        assert!(objects(|seen| seen.whole = false), "an answer to a part");
        for (name, value) in [
            ("x-forwarded-for", "127.1.0.1"),
            ("x_forwarded_for", "192.0.2.1"),
            ("host", "other"),
            ("cookie", "sid=2"),
            ("x-invented", "1"),
            ("te", "trailers"),
        ] {
            let add = |seen: &mut Seen| {
                let field = (name.as_bytes().to_vec(), value.as_bytes().to_vec());
                seen.fields.push(field);
            };
            assert!(objects(add), "{name} more");
        }
        assert!(
            objects(|seen| drop(seen.fields.remove(1))),
            "a cookie that is lost"
        );
    }
}
