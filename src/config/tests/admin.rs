//! Who may see and change what: the admin listener's address and token.

use super::*;

const TOKEN: &str = "0123456789abcdef";

#[test]
fn another_address_than_loopback_needs_a_token() {
    for address in ["0.0.0.0:9180", "192.0.2.1:9180", "'[::]:9180'"] {
        let without = error(&format!("admin: {{ listen: {address} }}"));
        assert_eq!(without.at, "admin.listen");
        assert!(without.problem.contains("no admin.token"), "{without:?}");
        let way_out = without.suggestion.unwrap();
        assert!(way_out.contains("token:") && way_out.contains("127.0.0.1"));
        let empty = format!("admin: {{ listen: {address}, token: '' }}");
        assert!(error(&empty).problem.contains("no admin.token"));
        let with = config(&format!("admin: {{ listen: {address}, token: {TOKEN} }}"));
        assert_eq!(with.startup.admin.token.unwrap().expose(), TOKEN);
    }
}

#[test]
fn loopback_needs_none_and_may_have_one() {
    for address in [
        "127.0.0.1:9180",
        "127.9.9.9:1",
        "'[::1]:9180'",
        "'[::ffff:127.0.0.1]:9180'",
    ] {
        let admin = config(&format!("admin: {{ listen: {address} }}"))
            .startup
            .admin;
        assert_eq!(admin.token, None, "{address}");
    }
    let admin = config(&format!("admin: {{ token: {TOKEN} }}"))
        .startup
        .admin;
    assert_eq!(admin.listen, "127.0.0.1:9180".parse().ok());
    assert_eq!(admin.token.unwrap().expose(), TOKEN);
}

#[test]
fn a_token_that_can_be_guessed_or_not_be_sent_is_refused_and_not_shown() {
    for bad in ["zyx", "0123456789 abcdef", "0123456789\u{e4}bcdefgh"] {
        let error = error(&format!("admin: {{ token: '{bad}' }}"));
        assert_eq!(error.at, "admin.token");
        assert!(!format!("{error} {error:?}").contains(bad), "{error:?}");
    }
    let config = config(&format!("admin: {{ token: {TOKEN} }}"));
    assert!(!format!("{config:?}").contains(TOKEN));
}
