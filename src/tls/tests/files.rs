//! Files as operators have them, good and bad.

use super::*;

/// What is wrong with the certificate in `cert` and `key`, and the name of the file that is blamed.
fn wrong(cert: &Path, key: &Path) -> (Problem, String) {
    let files = Files {
        cert: cert.to_owned(),
        key: key.to_owned(),
    };
    let error = Certificate::load(&files).unwrap_err();
    let file = error.file.file_name().unwrap().to_str().unwrap().to_owned();
    assert!(error.to_string().contains(&file), "{error}");
    (error.problem, file)
}

fn year(year: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs((year - 1970) * 31_556_952)
}

#[test]
fn each_mistake_names_the_file_that_has_it() {
    let (folder, authority) = authority();
    let good = authority.issue("good", &["a.test"]);
    let other = authority.issue("other", &["a.test"]);
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        path
    };
    let absent = folder.path().join("absent");
    let empty = file("empty", b"");
    let rubbish = file("rubbish", b"\0\x01 no PEM at all \xff");
    let cut = fs::read(&good.cert).unwrap();
    let cut = file("cut", &cut[..cut.len() / 2]);
    let nonsense = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let nonsense = file("nonsense", nonsense);
    let nonsense_key = b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let nonsense_key = file("nonsense-key", nonsense_key);
    let large = file("large", &vec![b'#'; (1 << 20) + 1]);
    let cases: [(&Path, &Path, &str, &str); 13] = [
        (&absent, &good.key, "absent", "cannot be read"),
        (&good.cert, &absent, "absent", "cannot be read"),
        (&empty, &good.key, "empty", "no certificate"),
        (&rubbish, &good.key, "rubbish", "no certificate"),
        (&cut, &good.key, "cut", "not PEM"),
        (&nonsense, &good.key, "nonsense", "cannot be used"),
        (&large, &good.key, "large", "larger than 1 MiB"),
        (&good.key, &good.key, "good.key", "no certificate"),
        (&good.cert, &empty, "empty", "no private key"),
        (&good.cert, &good.cert, "good.pem", "no private key"),
        (&good.cert, &nonsense_key, "nonsense-key", "cannot be used"),
        (&good.cert, &other.key, "other.key", "does not belong"),
        (folder.path(), &good.key, "", "cannot be read"),
    ];
    for (cert, key, blamed, expected) in cases {
        let (problem, file) = wrong(cert, key);
        assert!(
            problem.to_string().contains(expected),
            "{blamed}: {problem}"
        );
        if !blamed.is_empty() {
            assert_eq!(file, blamed, "{problem}");
        }
    }
}

#[test]
fn what_openssl_writes_is_read_unless_it_has_a_password() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tls/tests/openssl");
    for name in ["rsa", "ec"] {
        let files = Files {
            cert: here.join(format!("{name}.pem")),
            key: here.join(format!("{name}.key")),
        };
        Certificate::load(&files).unwrap();
    }
    for key in ["rsa-password.key", "pkcs8-password.key"] {
        let (problem, _) = wrong(&here.join("rsa.pem"), &here.join(key));
        assert!(matches!(problem, Problem::Encrypted), "{key}: {problem}");
    }
}

#[test]
fn a_certificate_knows_its_time() {
    let (_folder, authority) = authority();
    let load = |years| {
        let pair = authority.issue_for("site", &["a.test"], years);
        Certificate::load(&pair.into()).unwrap()
    };
    let certificate = load(2010..2020);
    assert_eq!(certificate.validity(year(2009)), Validity::NotYet);
    assert_eq!(certificate.validity(year(2015)), Validity::Valid);
    assert_eq!(certificate.validity(year(2021)), Validity::Expired);
    let off = certificate
        .not_after()
        .duration_since(year(2020))
        .unwrap_or_else(|error| error.duration());
    assert!(off < Duration::from_secs(3 * 24 * 3600), "{off:?}");
    let long = load(1970..9999);
    assert_eq!(long.validity(year(2020)), Validity::Valid);
}

#[test]
fn the_first_to_end_is_the_one_to_renew() {
    let (_folder, authority) = authority();
    let late = authority.issue_for("late", &["a.test"], 2000..2090);
    let soon = authority.issue_for("soon", &["b.test"], 2000..2080);
    let end = Certificate::load(&soon.clone().into()).unwrap().not_after();
    assert_eq!(certificates([late, soon]).earliest_end(), end);
}

#[test]
fn keys_are_not_printed() {
    let (_folder, authority) = authority();
    let pair = authority.issue("site", &["a.test"]);
    let certificates = certificates([pair.clone()]);
    let acceptor = Acceptor::new(certificates.clone(), Offer::Http1).unwrap();
    let certificate = Certificate::load(&pair.into()).unwrap();
    let printed = format!("{certificates:?} {acceptor:?} {certificate:?}");
    assert!(printed.len() < 400, "{printed}");
}

#[test]
fn an_empty_list_is_no_certificates() {
    assert!(Certificates::load(Vec::new()).unwrap().is_none());
}
