//! A look at the files: what is a reload, what is none, and what is said of it.

use super::*;

#[test]
fn pages_are_part_of_the_configuration() {
    let site = Site::new(&with("refusals: { queue_full: { page: page.html } }"));
    let page = || {
        let policy = site.policy();
        policy.refusals[&Reason::QueueFull].page.clone().unwrap()
    };
    let digest = site.reload.version().digest.clone();
    site.reload.look();
    assert_eq!(site.reload.version().number, 1, "nothing has changed");
    fs::write(site.folder.path().join("page.html"), "second").unwrap();
    let files = site.reload.look();
    assert_eq!(&*page(), "second");
    let version = site.reload.version();
    assert_eq!(version.number, 2);
    assert_ne!(version.digest, digest);
    for name in ["page.html", "onelane.yaml"] {
        assert!(files.contains(&site.folder.path().join(name)), "{files:?}");
    }
    let told = with("refusals: { queue_full: { page: page.html, status: 429 } }");
    site.reload(&told).unwrap();
    let status = site.policy().refusals[&Reason::QueueFull].status;
    assert_eq!(status, Some(StatusCode::TOO_MANY_REQUESTS));
}

#[test]
fn a_look_reloads_what_has_changed_and_says_what_is_wrong_once() {
    let site = Site::new(BASE);
    site.write(&with("mode: observe"));
    site.reload.look();
    site.reload.look();
    assert_eq!(site.reload.version().number, 2);
    assert!(site.counted("ok"));
    site.write(&with("mode: obsrve"));
    for _ in 0..3 {
        site.reload.look();
    }
    assert!(site.counted("failed"), "once");
    assert_eq!(site.reload.version().last, Attempt::Failed);
    site.write(&with("mode: observe"));
    site.reload.look();
    let version = site.reload.version();
    assert_eq!(
        (version.number, version.last),
        (2, Attempt::Ok),
        "as it was"
    );
    assert!(site.counted("ok"), "that was no reload");
}

/// A look may meet a file that is just being written, empty still, and read it when it is whole again.
#[test]
fn what_seemed_changed_and_says_the_same_when_it_is_read_is_no_reload() {
    let site = Site::new(BASE);
    site.reload.changed(&mut site.reload.state());
    assert_eq!(site.reload.version().number, 1);
    site.write(&with("mode: observe"));
    site.reload.changed(&mut site.reload.state());
    assert_eq!(site.reload.version().number, 2);
}

#[test]
fn a_look_finds_the_page_that_was_missing() {
    let site = Site::new(BASE);
    site.write(&with("refusals: { queue_full: { page: late.html } }"));
    site.reload.look();
    assert_eq!(site.reload.version().last, Attempt::Failed);
    fs::write(site.folder.path().join("late.html"), "late").unwrap();
    site.reload.look();
    assert_eq!(site.reload.version().number, 2);
}

#[test]
fn whom_each_node_believes_is_read_again_and_said_once() {
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let [ca, other] = folders
        .each_ref()
        .map(|folder| Authority::new(folder.path()).file());
    let node = |name: &str, port: u16, ca: &Path| {
        let ca = ca.display();
        format!("- {{ name: {name}, url: 'https://a.test:{port}', tls: {{ ca: '{ca}' }} }}\n")
    };
    let yaml = |ca: &Path| format!("upstreams:\n{}{}", node("a", 1, ca), node("b", 2, &other));
    let site = Site::new(&yaml(&ca));
    let digest = site.reload.version().digest;
    fs::copy(&other, &ca).unwrap();
    assert!(site.reload.files().contains(&ca), "it is watched");
    site.reload.look();
    let version = site.reload.version();
    assert_eq!(version.number, 2, "a look has seen it");
    assert_ne!(version.digest, digest);
    assert_eq!(site.changes(&yaml(&ca)), "nothing");
    Authority::new(folders[0].path()); // a new one, in the same file
    assert_eq!(site.changes(&yaml(&ca)), "sections: upstream.tls.ca");
    // Another file is another setting.
    assert_eq!(site.refused(&yaml(&other)), ["upstreams[0].tls"]);
}
