//! Certificates of listeners: replaced while Onelane runs, and counted.

use std::fs;

use crate::support::{Authority, Proxy, Upstream, eventually};

#[test]
fn replaced_and_refused_certificates_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    let pair = authority.issue("site", &["a.test"]);
    let app = Upstream::start();
    let listen = format!("listen: {{ address: '127.0.0.1:0', tls: {} }}", pair.yaml());
    let proxy = Proxy::in_front_of(&app, &listen);
    let count = |result| {
        let name = "onelane_certificate_reloads_total";
        proxy.metrics().labelled(name, "result", result)
    };
    let expiry = || proxy.metrics().count("onelane_certificate_expiry_seconds");
    let year_3000 = 32_503_680_000; // 3000-01-01T00:00:00Z
    assert_eq!(expiry(), year_3000);
    assert_eq!((count("ok"), count("failed")), (0, 0));
    authority.issue_for("site", &["a.test"], 2000..2999);
    eventually("the new one is served", || count("ok") == 1);
    assert_eq!(expiry(), year_3000 - 365 * 24 * 3600);
    let failed = count("failed"); // 0, or more when the watch came between the two files
    fs::write(&pair.key, "rubbish").unwrap();
    eventually("rubbish is refused", || count("failed") > failed);
    assert_eq!(expiry(), year_3000 - 365 * 24 * 3600, "the old one goes on");
    assert_eq!(count("ok"), 1);
}

#[test]
fn without_certificates_nothing_expires() {
    let proxy = Proxy::in_front_of(&Upstream::start(), "");
    let text = proxy.admin("/metrics").text();
    assert!(!text.contains("\nonelane_certificate_expiry_seconds "));
    assert!(text.contains("# TYPE onelane_certificate_expiry_seconds gauge"));
}
