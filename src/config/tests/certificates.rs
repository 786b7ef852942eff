//! Listeners with certificates, and an application behind TLS.

use tempfile::TempDir;

use super::*;
use crate::client::ProxyProtocol;
use crate::tls::certificates::{Authority, Pair};
use crate::upstream::{FarmSettings, Target};

/// A folder with an authority in it.
fn authority() -> (TempDir, Authority) {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    (folder, authority)
}

/// Reads `text` as a file in `folder`.
fn load(folder: &TempDir, text: &str) -> Result<Config, Errors> {
    let path = folder.path().join("onelane.yaml");
    fs::write(&path, text).unwrap();
    Config::load(&path, &no_environment)
}

/// What is wrong with `text`: key path, line, problem and suggestion of each error.
fn wrong(folder: &TempDir, text: &str) -> Vec<(String, Option<usize>, String)> {
    let errors = load(folder, text).expect_err(text);
    let said = |error: &ConfigError| {
        let suggestion = error.suggestion.as_deref().unwrap_or_default();
        let message = format!("{} -> {suggestion}", error.problem);
        (error.at.clone(), error.line, message)
    };
    errors.iter().map(said).collect()
}

#[test]
fn a_listener_is_an_address_and_what_is_spoken_there() {
    let (folder, authority) = authority();
    let pair = authority.issue("site", &["a.test"]);
    let config = load(
        &folder,
        &format!(
            "
listen:
  - 127.0.0.1:1
  - {{ address: 127.0.0.1:2, tls: {} }}
  - {{ address: 127.0.0.1:3, tls: [{{ cert: site.pem, key: site.key }}, {{ cert: ./site.pem, key: site.key }}], http2: false }}
  - {{ address: 127.0.0.1:4, proxy_protocol: accept, http2: true }}
  - {{ address: 127.0.0.1:5, proxy_protocol: require }}
  - {{ address: 127.0.0.1:6, proxy_protocol: off }}
",
            pair.yaml()
        ),
    )
    .unwrap();
    let found: Vec<_> = config
        .startup
        .listen
        .iter()
        .map(|listener| {
            let tls = listener.tls.is_some();
            (
                listener.address.port(),
                tls,
                listener.proxy_protocol,
                listener.http2,
            )
        })
        .collect();
    let expected = [
        (1, false, ProxyProtocol::Off, Http2::Off),
        (2, true, ProxyProtocol::Off, Http2::On),
        (3, true, ProxyProtocol::Off, Http2::Off),
        (4, false, ProxyProtocol::Accept, Http2::On),
        (5, false, ProxyProtocol::Require, Http2::Off),
        (6, false, ProxyProtocol::Off, Http2::Off),
    ];
    assert_eq!(found, expected);
}

#[test]
fn every_wrong_file_is_reported_at_its_key() {
    let (folder, authority) = authority();
    authority.issue("site", &["a.test"]);
    authority.issue("other", &["b.test"]);
    fs::write(folder.path().join("empty.pem"), "").unwrap();
    let found = wrong(
        &folder,
        "
listen:
  - address: 127.0.0.1:1
    tls: { cert: absent.pem, key: site.key }
  - address: 127.0.0.1:2
    tls:
      - cert: empty.pem
        key: site.key
      - cert: site.pem
        key: other.key
      - cert: site.pem
      - { cert: site.pem, key: site.pem }
  - { address: 127.0.0.1:3, tls: [] }
  - { address: 127.0.0.1:4, tls: site.pem }
upstream: { url: 'https://app', tls: { ca: empty.pem } }
",
    );
    let expected = [
        ("listen[0].tls.cert", 4, "absent.pem: cannot be read"),
        ("listen[1].tls[0].cert", 7, "there is no certificate in it"),
        ("listen[1].tls[1].key", 10, "does not belong"),
        ("listen[1].tls[2]", 11, "key is missing"),
        ("listen[1].tls[3].key", 12, "there is no private key in it"),
        ("listen[2].tls", 13, "an empty list"),
        ("listen[3].tls", 14, "the keys here are cert, key"),
        ("upstream.tls.ca", 15, "there is no certificate in it"),
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for ((at, line, message), (key, number, text)) in found.iter().zip(expected) {
        assert_eq!((at.as_str(), *line), (key, Some(number)), "{message}");
        assert!(message.contains(text), "{message}");
    }
}

#[test]
fn a_certificate_out_of_its_time_is_a_warning() {
    let (folder, authority) = authority();
    let load = |years| {
        authority.issue_for("site", &["a.test"], years);
        let text = "session: { preset: php }\nlisten:\n  address: 127.0.0.1:1\n  tls:\n    cert: site.pem\n    key: site.key\n";
        load(&folder, text).unwrap().warnings
    };
    assert_eq!(load(2000..3000), []);
    for (years, expected) in [(2000..2001, "has expired"), (2900..3000, "not valid yet")] {
        let warnings = load(years);
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert_eq!(
            (warnings[0].at.as_str(), warnings[0].line),
            ("listen.tls.cert", Some(5))
        );
        assert!(warnings[0].message.contains(expected), "{warnings:?}");
    }
}

#[test]
fn the_time_is_the_readers() {
    let (folder, authority) = authority();
    authority.issue_for("site", &["a.test"], 2000..2001);
    let text = "session: { preset: php }\nlisten: { address: 127.0.0.1:1, tls: { cert: site.pem, key: site.key } }";
    let path = folder.path().join("onelane.yaml");
    fs::write(&path, text).unwrap();
    let then = SystemTime::UNIX_EPOCH + Duration::from_secs(965_000_000); // July 2000
    let config = Config::load_at(&path, &no_environment, then).unwrap();
    assert_eq!(config.warnings, []);
}

fn target(mut farm: FarmSettings) -> Target {
    farm.nodes.remove(0).connection.target
}

#[test]
fn an_application_behind_tls_has_a_url_and_somebody_to_vouch_for_it() {
    let (folder, authority) = authority();
    let read = |upstream: &str| {
        let text = format!("session: {{ preset: php }}\nupstream: {upstream}");
        load(&folder, &text).unwrap()
    };
    let bare = target(read("https://app.test").startup.upstream);
    assert!(matches!(&bare, Target::Tls { host, port: 443, .. } if host == "app.test"));
    assert_eq!(bare.host(), "app.test:443");
    assert_eq!(
        bare,
        target(
            read("{ url: 'https://app.test', tls: {} }")
                .startup
                .upstream
        )
    );
    assert_eq!(
        bare,
        target(
            read("{ url: 'https://app.test', tls: { verify: true } }")
                .startup
                .upstream
        )
    );
    let file = authority.file().file_name().unwrap().to_owned();
    let file = file.to_str().unwrap();
    for different in [
        format!("{{ url: 'https://app.test', tls: {{ ca: {file} }} }}"),
        "{ url: 'https://app.test', tls: { server_name: other.test } }".to_owned(),
        "{ url: 'https://app.test', tls: { verify: false } }".to_owned(),
    ] {
        assert_ne!(
            bare,
            target(read(&different).startup.upstream),
            "{different}"
        );
    }
    let warnings = read("{ url: 'https://app.test', tls: { verify: false } }").warnings;
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!(warnings[0].at, "upstream.tls.verify");
    assert!(warnings[0].message.contains("whoever answers"));
}

#[test]
fn what_makes_no_sense_of_an_application_behind_tls_is_refused() {
    let (folder, _authority) = authority();
    for (upstream, at, expected) in [
        (
            "{ url: 'http://app', tls: { verify: false } }",
            "upstream.tls",
            "in clear text",
        ),
        ("{ tls: { verify: true } }", "upstream.tls", "in clear text"),
        (
            "{ url: 'https://app', tls: { ca: ca.pem, verify: false } }",
            "upstream.tls.ca",
            "nobody asks",
        ),
        (
            "{ url: 'https://app', tls: { server_name: 'a b' } }",
            "upstream.tls.server_name",
            "not the name of a server",
        ),
        (
            "{ url: 'https://a_b', tls: { server_name: '' } }",
            "upstream.tls.server_name",
            "is empty",
        ),
        (
            "{ url: 'https://app', tls: { cert: a } }",
            "upstream.tls.cert",
            "not in this version",
        ),
        (
            "{ url: 'https://app', tls: { verify: maybe } }",
            "upstream.tls.verify",
            "expected true or false",
        ),
        ("https://app/base", "upstream", "https://app"),
        ("https://0.0.0.0:8080", "upstream", "Onelane itself"),
    ] {
        let found = wrong(&folder, &format!("upstream: {upstream}"));
        assert_eq!(found.len(), 1, "{upstream}: {found:?}");
        assert_eq!(found[0].0, at, "{upstream}: {found:?}");
        assert!(found[0].2.contains(expected), "{upstream}: {found:?}");
    }
}

#[test]
fn keys_of_certificates_are_not_printed() {
    let (folder, authority) = authority();
    let pair: Pair = authority.issue("site", &["a.test"]);
    let text = format!("listen: {{ address: 127.0.0.1:1, tls: {} }}", pair.yaml());
    let printed = format!("{:?}", load(&folder, &text).unwrap().startup.listen);
    assert!(printed.len() < 500, "{printed}");
}

#[test]
fn internet_yaml_is_valid_and_limits_each_client() {
    let (folder, authority) = authority();
    authority.issue("site", &["a.test"]); // site.pem and site.key, as the file has them
    let config = load(&folder, include_str!("../../../config/internet.yaml")).unwrap();
    assert_eq!(config.warnings, []);
    let listener = &config.startup.listen[0];
    assert!(listener.tls.is_some());
    assert_eq!(listener.http2, Http2::On);
    assert_eq!(config.startup.edge.connections_per_client, Some(200));
    assert_eq!(config.policy.throttle.iter().count(), 2);
}
