//! Certificates that are replaced while they are served.

use std::sync::mpsc::{Receiver, channel};

use super::*;

/// Longer than any change takes to be seen; only a failed test waits for so long.
const DEADLINE: Duration = Duration::from_secs(60);

/// Looks soon, and by itself never within a test.
const TOLD: Pace = Pace {
    settle: Duration::from_millis(20),
    poll: Duration::from_secs(3600),
};

/// The certificate that is served, its files, and what is reported of them.
struct Site {
    folder: TempDir,
    authority: Authority,
    pair: Pair,
    certificates: Certificates,
    acceptor: Acceptor,
}

impl Site {
    fn new() -> Self {
        let (folder, authority) = authority();
        let pair = authority.issue("site", &["a.test"]);
        let certificates = certificates([pair.clone()]);
        Self {
            acceptor: Acceptor::new(certificates.clone(), Offer::Http1).unwrap(),
            folder,
            authority,
            pair,
            certificates,
        }
    }

    fn watch(&self, pace: Pace) -> (Watch, Receiver<Reload>) {
        let (reports, reported) = channel();
        let report = move |reload| reports.send(reload).unwrap();
        let all = vec![self.certificates.clone()];
        let watch = Watch::start(all, pace, SystemTime::now, report).unwrap();
        (watch, reported)
    }

    /// What a new connection gets.
    async fn served(&self) -> CertificateDer<'static> {
        let client = client(self.authority.roots(), &BROWSER);
        let met = meet(&self.acceptor, &client, "a.test").await;
        met.unwrap().certificate
    }
}

/// Waits until a new one is served. What failed before that was half of a change.
fn replaced(reported: &Receiver<Reload>) {
    while let Reload::Failed(_) = reported.recv_timeout(DEADLINE).unwrap() {}
}

/// Waits until one is refused as `expected`. What was refused before that was half of a change.
fn failed(reported: &Receiver<Reload>, expected: impl Fn(&Problem) -> bool) {
    loop {
        match reported.recv_timeout(DEADLINE).unwrap() {
            Reload::Failed(error) if expected(&error.problem) => return,
            Reload::Failed(_) => {}
            Reload::Replaced(files) => panic!("{files:?}"),
        }
    }
}

#[tokio::test]
async fn the_next_connection_gets_the_replaced_certificate() {
    let site = Site::new();
    let old = site.served().await;
    let (_watch, reported) = site.watch(TOLD);
    site.authority.issue("site", &["a.test"]);
    replaced(&reported);
    let new = site.served().await;
    assert_ne!(new, old);
    assert_eq!(new, der(&site.pair.cert));
}

#[tokio::test]
async fn without_a_watch_the_old_one_goes_on() {
    let site = Site::new();
    let old = site.served().await;
    site.authority.issue("site", &["a.test"]);
    assert_eq!(site.served().await, old);
    assert_ne!(der(&site.pair.cert), old);
}

#[tokio::test]
async fn what_cannot_be_served_is_reported_and_the_old_one_goes_on() {
    let site = Site::new();
    let old = site.served().await;
    let (_watch, reported) = site.watch(TOLD);
    let (cert, key) = (
        fs::read(&site.pair.cert).unwrap(),
        fs::read(&site.pair.key).unwrap(),
    );

    fs::write(&site.pair.cert, "rubbish").unwrap();
    failed(&reported, |problem| {
        matches!(problem, Problem::NoCertificate)
    });
    assert_eq!(site.served().await, old);

    fs::remove_file(&site.pair.cert).unwrap();
    failed(&reported, |problem| {
        matches!(problem, Problem::Unreadable(_))
    });
    assert_eq!(site.served().await, old);

    fs::write(&site.pair.cert, &cert).unwrap();
    replaced(&reported); // by itself, since it was gone
    let other = site.authority.issue("other", &["a.test"]);
    fs::copy(&other.key, &site.pair.key).unwrap();
    failed(&reported, |problem| matches!(problem, Problem::Mismatch));
    assert_eq!(site.served().await, old);

    fs::write(&site.pair.key, &key).unwrap();
    replaced(&reported);
    site.authority.issue_for("site", &["a.test"], 2000..2001);
    failed(&reported, |problem| matches!(problem, Problem::Expired));
    assert_eq!(site.served().await, old);

    site.authority.issue_for("site", &["a.test"], 2900..3000);
    failed(&reported, |problem| matches!(problem, Problem::NotYetValid));
    assert_eq!(site.served().await, old);

    site.authority.issue("site", &["a.test"]);
    replaced(&reported);
    assert_ne!(site.served().await, old);
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_that_is_swapped_is_noticed_as_kubernetes_does_it() {
    use std::os::unix::fs::symlink;
    let site = Site::new();
    let root = site.folder.path();
    let version = |name: &str| {
        let folder = root.join(name);
        fs::create_dir(&folder).unwrap();
        let pair = site.authority.issue("next", &["a.test"]);
        fs::copy(&pair.cert, folder.join("tls.crt")).unwrap();
        fs::copy(&pair.key, folder.join("tls.key")).unwrap();
    };
    let mount = root.join("mount");
    fs::create_dir(&mount).unwrap();
    version("mount/..1");
    symlink("..1", mount.join("..data")).unwrap();
    for name in ["tls.crt", "tls.key"] {
        symlink(Path::new("..data").join(name), mount.join(name)).unwrap();
    }
    let pair = Pair {
        cert: mount.join("tls.crt"),
        key: mount.join("tls.key"),
    };
    let site = Site {
        certificates: certificates([pair.clone()]),
        pair,
        ..site
    };
    let site = Site {
        acceptor: Acceptor::new(site.certificates.clone(), Offer::Http1).unwrap(),
        ..site
    };
    let old = site.served().await;
    let (_watch, reported) = site.watch(TOLD);
    let folder = mount.join("..2");
    fs::create_dir(&folder).unwrap();
    let next = site.authority.issue("next", &["a.test"]);
    fs::copy(&next.cert, folder.join("tls.crt")).unwrap();
    fs::copy(&next.key, folder.join("tls.key")).unwrap();
    symlink("..2", mount.join("..data_tmp")).unwrap();
    fs::rename(mount.join("..data_tmp"), mount.join("..data")).unwrap();
    replaced(&reported);
    assert_ne!(site.served().await, old);
    assert_eq!(site.served().await, der(&next.cert));
}

#[cfg(unix)]
#[tokio::test]
async fn what_nobody_tells_of_is_found_by_the_slow_look() {
    use std::os::unix::fs::symlink;
    let site = Site::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let away = |name: &str| elsewhere.path().join(name);
    for file in [&site.pair.cert, &site.pair.key] {
        let target = away(file.file_name().unwrap().to_str().unwrap());
        fs::rename(file, &target).unwrap();
        symlink(&target, file).unwrap();
    }
    let (_watch, reported) = site.watch(Pace {
        poll: Duration::from_millis(20),
        ..TOLD
    });
    let next = site.authority.issue("next", &["a.test"]);
    // Both at once, or the slow look may come in between.
    fs::copy(&next.key, away("key")).unwrap();
    fs::copy(&next.cert, away("cert")).unwrap();
    fs::rename(away("key"), away("site.key")).unwrap();
    fs::rename(away("cert"), away("site.pem")).unwrap();
    let last = std::iter::from_fn(|| reported.recv_timeout(DEADLINE).ok())
        .find(|reload| matches!(reload, Reload::Replaced(_)));
    assert!(last.is_some());
    assert_eq!(site.served().await, der(&next.cert));
}

#[test]
fn a_change_before_the_watch_is_seen_at_its_start_and_nothing_else_is_reported() {
    let site = Site::new();
    let (watch, reported) = site.watch(TOLD);
    drop(watch); // it has looked once, or ended before
    assert!(reported.try_recv().is_err(), "nothing had changed");
    site.authority.issue("site", &["a.test"]);
    let (watch, reported) = site.watch(TOLD);
    replaced(&reported);
    drop(watch);
    assert!(
        reported.recv().is_err(),
        "the thread has ended, and reading is no change"
    );
}

#[tokio::test]
async fn one_bad_certificate_does_not_keep_another_from_being_replaced() {
    let (folder, authority) = authority();
    let bad = authority.issue("bad", &["bad.test"]);
    let good = authority.issue("good", &["good.test"]);
    let both = certificates([bad.clone(), good.clone()]);
    let acceptor = Acceptor::new(both.clone(), Offer::Http1).unwrap();
    fs::write(&bad.cert, "rubbish").unwrap();
    authority.issue("good", &["good.test"]);
    let (reports, reported) = channel();
    let report = move |reload| reports.send(reload).unwrap();
    let _watch = Watch::start(vec![both], TOLD, SystemTime::now, report).unwrap();
    failed(&reported, |problem| {
        matches!(problem, Problem::NoCertificate)
    });
    replaced(&reported);
    let client = client(authority.roots(), &BROWSER);
    let met = meet(&acceptor, &client, "good.test").await.unwrap();
    assert_eq!(met.certificate, der(&good.cert));
    drop(folder);
}
