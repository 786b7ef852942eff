//! PHP, and what is written in it: Laravel, WooCommerce, Magento, Moodle.
//!
//! Guarantees: names, duplicates and decoding are those of main/php_variables.c.
//! Does not do: decrypt Laravel's cookie; its value is a key as it stands.

use super::{
    Arc, Duplicates, IdPattern, Place, Source, Spelling, Transform, named, named_or_prefixed,
    pattern, source,
};
use crate::session::cookie::CookieName;

/// ext/session: names compare with case (`.` and space are `_`), the first cookie of the name counts, values are
/// percent-decoded, quotes stay and make the id invalid.
pub(super) fn php(cookie: Option<&str>) -> Vec<Source> {
    vec![session_module(cookie.unwrap_or("PHPSESSID"))]
}

/// Magento: the back end has a session of its own, whose cookie counts first: `admin`, which browsers send to it alone, or
/// Magento 1's `adminhtml`, which they send to the whole site, so that who is logged in there has one lane for both. The
/// shop's is `om_frontend` (OpenMage since 19.4.8 and 20.0.4, which goes on with the session of an old `frontend`),
/// `frontend` in Magento 1 before it, else PHP's own. `session.cookie` replaces the shop's.
pub(super) fn magento(cookie: Option<&str>) -> Vec<Source> {
    let shop: &[&str] = match &cookie {
        Some(name) => &[name],
        None => &["om_frontend", "frontend", "PHPSESSID"],
    };
    ["admin", "adminhtml"]
        .iter()
        .chain(shop)
        .map(|name| session_module(name))
        .collect()
}

/// Moodle: `MoodleSession` and what $CFG->sessioncookie appends.
pub(super) fn moodle(cookie: Option<&str>) -> Vec<Source> {
    let (label, place, duplicates) = named_or_prefixed(cookie, "MoodleSession", Spelling::Php);
    vec![Source {
        place,
        duplicates,
        ..session_module(&label)
    }]
}

/// Laravel: EncryptCookies encrypts the same id with another nonce in each response, so **the value changes with each
/// response**, and the encrypted value is the key. Requests that were sent with one value share a lane; the value that a
/// response sets joins the lane of the one it replaces. It is base64 of JSON that begins with `{"iv":`, which makes it
/// known under any name that ends in `_session` or `-session` (config/session.php makes the name of APP_NAME); under a
/// name that the operator gives, an id that is not encrypted (40 letters and digits) is one too.
/// With the session driver `cookie` the whole session is in a cookie, and no lane protects what was sent with it.
pub(super) fn laravel(cookie: Option<&str>) -> Vec<Source> {
    let encrypted = "eyJpdiI6[A-Za-z0-9+/=]{100,}";
    let (label, place, pattern, duplicates) = match cookie {
        Some(name) => (
            name,
            named(name, Spelling::Php),
            pattern(&format!("{encrypted}|[A-Za-z0-9]{{40}}")),
            Duplicates::First,
        ),
        None => {
            let any = CookieName::regex("[A-Za-z0-9_-]+[_-]session", Spelling::Exact);
            let any = any.expect("the presets' patterns are valid");
            (
                "*_session",
                Place::Cookie(Arc::new(any)),
                pattern(encrypted),
                Duplicates::FirstValid,
            )
        }
    };
    vec![Source {
        transforms: vec![Transform::PercentDecode],
        pattern,
        max_length: 4096,
        duplicates,
        ..source(label, place)
    }]
}

/// WooCommerce: `wp_woocommerce_session_` and a hash of the site. The value is the customer, when the session ends, when
/// it is renewed and a signature, between `||` or (since 9.x) `|`, mostly percent-encoded; the times and the signature
/// change, the customer does not: a guest is `t_` and 30 hexadecimal digits (once 32), a user who has logged in a number,
/// and then one session in all browsers. WordPress itself has no session.
pub(super) fn woocommerce(cookie: Option<&str>) -> Vec<Source> {
    let (label, place, duplicates) =
        named_or_prefixed(cookie, "wp_woocommerce_session_", Spelling::Php);
    vec![Source {
        transforms: vec![Transform::PercentDecode, Transform::CutBefore('|')],
        pattern: pattern("t_[0-9a-f]{30}|[0-9a-f]{32}|[1-9][0-9]{0,19}"),
        max_length: 32,
        duplicates,
        ..source(&label, place)
    }]
}

/// A session of ext/session under this name.
fn session_module(name: &str) -> Source {
    Source {
        transforms: vec![Transform::PercentDecode],
        pattern: IdPattern::Php,
        ..source(name, named(name, Spelling::Php))
    }
}
