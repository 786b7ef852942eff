//! A change of the files is seen, however they are changed, and reloaded without being asked for.

use std::fs;
use std::path::Path;

use onelane::reload::{Cause, NotReloaded};

use super::{Site, access};
use crate::support::{Authority, Proxy, Request, Upstream, eventually};

/// Waits until the next request of `/page` is taken for this.
#[track_caller]
fn until(site: &Site, access: &str) {
    eventually(&format!("/page is {access}"), || {
        site.access("/page") == access
    });
}

#[test]
fn a_file_that_is_written_over_is_reloaded() {
    let site = Site::new(&access("none"));
    fs::write(site.file(), site.text(&access("read"))).unwrap();
    until(&site, "read");
}

#[test]
fn a_file_that_an_editor_renames_into_its_place_is_reloaded_each_time() {
    let site = Site::new(&access("none"));
    for access in ["read", "write", "none"] {
        let new = site.folder.path().join(".onelane.yaml.swp");
        fs::write(&new, site.text(&super::access(access))).unwrap();
        fs::rename(site.file(), site.folder.path().join("onelane.yaml~")).unwrap();
        fs::rename(&new, site.file()).unwrap();
        until(&site, access);
    }
}

#[test]
fn a_broken_file_keeps_the_old_policy_until_it_is_mended() {
    let site = Site::new(&access("none"));
    let last = || {
        let metrics = site.proxy.metrics();
        metrics.count("onelane_config_last_reload_successful")
    };
    fs::write(site.file(), "routes: [").unwrap();
    eventually("it is refused", || last() == 0);
    assert_eq!(site.access("/page"), "none");
    fs::write(site.file(), site.text(&access("read"))).unwrap();
    until(&site, "read");
    eventually("all is well", || last() == 1);
}

#[test]
fn a_page_is_read_again_when_it_changes() {
    let app = Upstream::start();
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("pages")).unwrap();
    let page = folder.path().join("pages/denied.html");
    fs::write(&page, "the first").unwrap();
    let file = folder.path().join("onelane.yaml");
    let yaml = "client: { deny: [127.0.0.0/8] }\nrefusals: { denied: { page: pages/denied.html } }";
    fs::write(&file, Proxy::yaml(app.address(), yaml)).unwrap();
    let proxy = Proxy::of_file(&file);
    let shown = || {
        let request = Request::get("/").header("Accept", "text/html");
        proxy.call(&request).text()
    };
    assert_eq!(shown(), "the first");
    fs::write(&page, "the second").unwrap();
    eventually("the new page is shown", || shown() == "the second");
}

/// As Kubernetes mounts a ConfigMap: each file is a link through `..data` to a folder of its own for each version, and
/// `..data` is replaced.
#[cfg(unix)]
#[test]
fn a_config_map_is_reloaded_each_time_its_link_is_swapped() {
    use std::os::unix::fs::symlink;
    let app = Upstream::start();
    let mount = tempfile::tempdir().unwrap();
    let mount = mount.path();
    let publish = |version: &str, access: &str| {
        let folder = mount.join(version);
        fs::create_dir(&folder).unwrap();
        let text = Proxy::yaml(app.address(), &super::access(access));
        fs::write(folder.join("onelane.yaml"), text).unwrap();
        symlink(version, mount.join("..data_tmp")).unwrap();
        fs::rename(mount.join("..data_tmp"), mount.join("..data")).unwrap();
    };
    publish("..v1", "none");
    symlink("..data/onelane.yaml", mount.join("onelane.yaml")).unwrap();
    let proxy = Proxy::of_file(&mount.join("onelane.yaml"));
    let access = || {
        proxy.call(&Request::get("/page").session("probe"));
        let seen = app.seen();
        let last = seen.last().expect("it has arrived");
        last.header("x-onelane-access").map(str::to_owned)
    };
    assert_eq!(access().as_deref(), Some("none"));
    for (version, before, now) in [("..v2", "..v1", "read"), ("..v3", "..v2", "write")] {
        publish(version, now);
        fs::remove_dir_all(mount.join(before)).unwrap();
        eventually("the new version is in force", || {
            access().as_deref() == Some(now)
        });
    }
}

/// A link into another folder: what is written there is seen, too.
#[cfg(unix)]
#[test]
fn what_is_behind_a_link_is_watched_where_it_is() {
    let site = Site::new(&access("none"));
    let elsewhere = tempfile::tempdir().unwrap();
    let target = elsewhere.path().join("real.yaml");
    fs::write(&target, site.text(&access("read"))).unwrap();
    let link = |to: &Path| {
        let new = site.folder.path().join("link");
        std::os::unix::fs::symlink(to, &new).unwrap();
        fs::rename(new, site.file()).unwrap();
    };
    link(&target);
    until(&site, "read");
    fs::write(&target, site.text(&access("write"))).unwrap();
    until(&site, "write");
}

#[test]
fn a_file_that_says_the_same_is_no_reload() {
    let site = Site::new(&access("none"));
    let text = fs::read_to_string(site.file()).unwrap();
    for _ in 0..3 {
        fs::write(site.file(), &text).unwrap();
    }
    fs::write(site.file(), site.text(&access("read"))).unwrap();
    until(&site, "read");
    assert_eq!(site.proxy.reload().version().number, 2);
}

#[test]
fn certificates_are_replaced_by_themselves_and_other_files_need_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    let [site, other] = ["site", "other"].map(|name| authority.issue(name, &["a.test"]));
    let [ca, other_ca] = [authority.file(), other.cert.clone()];
    let app = Upstream::start();
    let file = folder.path().join("onelane.yaml");
    let write = |tls: &str, ca: &Path, more: &str| {
        let yaml = format!(
            "listen: {{ address: '127.0.0.1:0', tls: {tls} }}
upstream: {{ url: 'https://APP', tls: {{ ca: '{}' }} }}\n{more}",
            ca.display()
        );
        fs::write(&file, Proxy::yaml(app.address(), &yaml)).unwrap();
    };
    write(&site.yaml(), &ca, "");
    let proxy = Proxy::of_file(&file);
    authority.issue_for("site", &["a.test"], 2000..2999);
    write(&site.yaml(), &ca, "mode: observe");
    let reload = || proxy.reload().reload(Cause::Operator);
    reload().unwrap();
    write(&other.yaml(), &ca, "");
    assert_eq!(
        reload(),
        Err(NotReloaded::Startup(vec!["listen".to_owned()]))
    );
    write(&site.yaml(), &other_ca, "");
    let refused = vec!["upstream.tls".to_owned()];
    assert_eq!(reload(), Err(NotReloaded::Startup(refused)));
}
