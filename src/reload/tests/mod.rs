//! What a reload changes, refuses and leaves; nothing watches here, so that each attempt is the test's own.

mod looks;

use std::fs;
use std::path::Path;
use std::time::Instant;

use http::{Request, StatusCode};
use tempfile::TempDir;

use super::*;
use crate::client::PeerAddr;
use crate::gateway::refusal::Reason;
use crate::metrics::{Gauges, Labels};
use crate::route::Demoted;
use crate::session::{Found, SessionKey};
use crate::tls::certificates::Authority;

const BASE: &str = "session: { keys: [{ cookie: sid }] }\n";

struct Site {
    folder: TempDir,
    policy: Arc<ArcSwap<Policy>>,
    reload: Reload,
}

impl Site {
    fn new(yaml: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("page.html"), "first").unwrap();
        let file = folder.path().join("onelane.yaml");
        fs::write(&file, yaml).unwrap();
        let reload = of(load(&file));
        Self {
            policy: Arc::clone(&reload.policy),
            folder,
            reload,
        }
    }

    fn write(&self, yaml: &str) {
        fs::write(self.folder.path().join("onelane.yaml"), yaml).unwrap();
    }

    fn reload(&self, yaml: &str) -> Result<Reloaded, NotReloaded> {
        self.write(yaml);
        self.reload.reload(Cause::Operator)
    }

    #[track_caller]
    fn changes(&self, yaml: &str) -> String {
        self.reload(yaml).unwrap().changes.to_string()
    }

    /// The keys that are refused because only a restart changes them.
    #[track_caller]
    fn refused(&self, yaml: &str) -> Vec<String> {
        let before = self.policy();
        match self.reload(yaml) {
            Err(NotReloaded::Startup(keys)) => {
                assert!(Arc::ptr_eq(&before, &self.policy()), "the old one goes on");
                keys
            }
            other => panic!("{yaml}: {other:?}"),
        }
    }

    fn policy(&self) -> Arc<Policy> {
        self.policy.load_full()
    }

    /// The key of a session.
    fn key(&self) -> SessionKey {
        let request = Request::get("/").header("cookie", "sid=abc");
        let head = request.body(()).unwrap().into_parts().0;
        match self.policy().sessions.find(&head) {
            Found::Session(session) => session.key,
            other => panic!("{other:?}"),
        }
    }

    fn counted(&self, result: &str) -> bool {
        let text = self.reload.metrics.encode(Gauges::default());
        text.contains(&format!(
            "onelane_config_reloads_total{{result=\"{result}\"}} 1\n"
        ))
    }
}

fn of(config: Config) -> Reload {
    let metrics = Arc::new(Metrics::new(1, Labels::default()));
    let policy = Arc::new(ArcSwap::from_pointee(config.policy));
    Reload::new(policy, metrics, config.origin)
}

fn load(file: &Path) -> Config {
    Config::load(file, &|_| None).unwrap_or_else(|errors| panic!("{errors}"))
}

fn with(yaml: &str) -> String {
    format!("{BASE}{yaml}\n")
}

#[test]
fn a_new_policy_is_in_force_and_what_changed_is_named() {
    let site = Site::new(&with(
        "routes: [{ name: a, path: /a, access: none }, { name: b, path: /b, access: read }]
throttle: [{ name: logins, rate: 1/s }]",
    ));
    let reloaded = site
        .reload(&with(
            "routes: [{ name: b, path: /b, access: write }, { name: c, path: /c, access: read }]
throttle: [{ name: logins, rate: 2/s }, { name: posts, rate: 1/s }]
client: { deny: [10.1.1.1] }",
        ))
        .unwrap();
    assert_eq!(
        reloaded.changes.to_string(),
        "routes added: c; routes changed: b; routes removed: a; rules added: posts; rules changed: logins; \
         sections: routes, throttle, client"
    );
    assert_eq!(reloaded.version.number, 2);
    assert_eq!(reloaded.version.last, Attempt::Ok);
    assert_eq!(site.reload.version(), reloaded.version);
    let labels: Vec<_> = site.policy().routes.labels().cloned().collect();
    assert_eq!(&*labels[1], "c");
    assert!(site.counted("ok"));
    let json = serde_json::to_value(&reloaded).unwrap();
    assert_eq!(json["changes"]["routes"]["added"][0], "c");
    assert_eq!(json["version"]["last"], "ok");
}

#[test]
fn each_section_that_a_reload_may_change_is_named_when_it_has() {
    let site = Site::new(BASE);
    for (yaml, expected) in [
        ("", "nothing"),
        ("queue: { limit: 7 }", "routes changed: default"),
        ("queue: { max_waiting: 7 }", "sections: queue"),
        ("limits: { slow_client: 7s }", "sections: limits"),
        ("application: { report: false }", "sections: application"),
        ("server_timing: false", "sections: server_timing"),
        (
            "refusals: { queue_full: { status: 429 } }",
            "sections: refusals",
        ),
        ("default_access: none", "routes changed: default"),
    ] {
        site.reload(BASE).unwrap();
        assert_eq!(site.changes(&with(yaml)), expected, "{yaml}");
    }
    let by_client = "session: { keys: [{ cookie: sid }], without_session: by_client }\n";
    site.reload(BASE).unwrap();
    assert_eq!(site.changes(by_client), "sections: session");
}

#[test]
fn what_is_wrong_is_said_whole_and_nothing_changes() {
    let site = Site::new(BASE);
    let before = site.policy();
    let error = site
        .reload(&with(
            "queue: { limt: 5 }\nmode: obsrve\ndefault_access: none",
        ))
        .unwrap_err();
    let text = error.to_string();
    assert!(text.contains("onelane.yaml:2"), "{text}");
    assert!(text.contains("limt") && text.contains("obsrve"), "{text}");
    assert!(text.ends_with("has 2 errors."), "as check says it: {text}");
    assert_eq!(error.problems().len(), 2);
    assert!(Arc::ptr_eq(&before, &site.policy()));
    let version = site.reload.version();
    assert_eq!((version.number, version.last), (1, Attempt::Failed));
    assert!(site.counted("failed"));
    fs::remove_file(site.folder.path().join("onelane.yaml")).unwrap();
    let gone = site.reload.reload(Cause::Signal).unwrap_err();
    assert!(gone.to_string().contains("cannot be read"), "{gone}");
    assert!(Arc::ptr_eq(&before, &site.policy()));
}

#[test]
fn what_only_a_restart_changes_is_refused_by_name_with_all_else() {
    let site = Site::new(BASE);
    for (yaml, key) in [
        ("listen: 127.0.0.1:1", "listen"),
        ("listen: [127.0.0.1:1, 127.0.0.1:2]", "listen"),
        ("upstream: http://127.0.0.1:7", "upstream.url"),
        ("upstream: { keep_alive: 7s }", "upstream.keep_alive"),
        (
            "upstreams: [{ name: a, url: 'http://127.0.0.1:1' }, { name: b, url: 'http://127.0.0.1:2' }]",
            "upstreams",
        ),
        ("admin: { listen: 127.0.0.1:7 }", "admin.listen"),
        ("admin: off", "admin.listen"),
        ("log: { format: json }", "log.format"),
        ("log: { access: false }", "log.access"),
        ("limits: { connections: 7 }", "limits.connections"),
        (
            "limits: { connections_per_client: 7 }",
            "limits.connections_per_client",
        ),
        ("limits: { header_size: 8KiB }", "limits.header_size"),
        ("limits: { headers: 7 }", "limits.headers"),
        ("limits: { header_timeout: 7s }", "limits.header_timeout"),
        ("limits: { idle_timeout: 7s }", "limits.idle_timeout"),
        ("limits: { send_timeout: 7s }", "limits.send_timeout"),
        ("limits: { min_rate: 7 }", "limits.min_rate"),
        ("limits: { http2_streams: 7 }", "limits.http2_streams"),
        ("limits: { buffer_memory: 7MiB }", "limits.buffer_memory"),
        ("limits: { spool_disk: 700MiB }", "limits.spool_disk"),
        ("drain_timeout: 7s", "drain_timeout"),
    ] {
        let yaml = with(&format!("{yaml}\ndefault_access: none"));
        assert_eq!(site.refused(&yaml), [key], "{yaml}");
    }
    let both = with("drain_timeout: 7s\nlog: { format: json }");
    assert_eq!(site.refused(&both), ["log.format", "drain_timeout"]);
    let text = site.reload(&both).unwrap_err().to_string();
    assert!(
        text.starts_with("only a restart changes log.format, drain_timeout;"),
        "{text}"
    );
    assert_eq!(site.reload.version().last, Attempt::Refused);
    assert_eq!(site.changes(BASE), "nothing", "what was there is taken");
}

#[test]
fn a_limit_that_the_start_has_lowered_is_compared_as_it_was_written() {
    let yaml = with("limits: { connections: 5000 }");
    let site = Site::new(&yaml);
    let mut config = load(&site.folder.path().join("onelane.yaml"));
    config.startup.edge.connections = 700; // as too few file descriptors do
    let reload = of(config);
    site.write(&with("limits: { connections: 5000 }\nmode: observe"));
    assert!(reload.reload(Cause::Operator).is_ok());
    site.write(&with("limits: { connections: 700 }"));
    assert!(reload.reload(Cause::Operator).is_err());
}

#[test]
fn a_node_of_a_farm_is_named_by_its_place() {
    let farm = |url: &str, more: &str| {
        with(&format!(
            "upstreams:\n  - {{ name: a, url: 'http://127.0.0.1:1' }}\n  - {{ name: b, url: '{url}' }}\n{more}"
        ))
    };
    let site = Site::new(&farm("http://127.0.0.1:2", ""));
    assert_eq!(
        site.refused(&farm("http://127.0.0.1:3", "")),
        ["upstreams[1].url"]
    );
    let off = farm("http://127.0.0.1:2", "affinity: off");
    assert_eq!(site.refused(&off), ["affinity"]);
}

#[test]
fn a_session_keeps_its_key_also_when_its_secret_was_drawn() {
    let site = Site::new(BASE);
    let key = site.key();
    for _ in 0..3 {
        site.reload(&with("mode: observe")).unwrap();
        assert_eq!(site.key(), key);
    }
    let drawn_again = load(&site.folder.path().join("onelane.yaml"));
    site.policy.store(Arc::new(drawn_again.policy));
    assert_ne!(site.key(), key, "without taking the secret over");
}

#[test]
fn what_would_give_sessions_other_keys_is_refused() {
    let site = Site::new("session: { keys: [{ cookie: sid }], secret: one }\n");
    let key = site.key();
    for (session, expected) in [
        ("{ keys: [{ cookie: sid }], secret: two }", "session.secret"),
        ("{ keys: [{ cookie: sid }] }", "session.secret"),
        (
            "{ keys: [{ cookie: sid }], secret: one, scope: { host: true } }",
            "session.scope",
        ),
        ("{ keys: [{ cookie: SID }], secret: one }", SOURCES),
        (
            "{ keys: [{ cookie: { prefix: sid } }], secret: one }",
            SOURCES,
        ),
        (
            "{ keys: [{ cookie: sid, pattern: '[a-f]+' }], secret: one }",
            SOURCES,
        ),
        ("{ preset: php, secret: one }", SOURCES),
    ] {
        let yaml = format!("session: {session}\n");
        assert!(site.refused(&yaml).contains(&expected.to_owned()), "{yaml}");
    }
    assert_eq!(site.key(), key);
    // Where there is no lane, none can be split.
    assert_eq!(site.changes("mode: enforce\n"), "sections: session");
    assert!(site.reload("session: { preset: php }\n").is_ok());
}

const SOURCES: &str = "session.preset, keys, cookie or shared";

#[test]
fn what_a_client_owes_a_rule_that_stays_is_not_forgotten() {
    let rule = "throttle: [{ name: all, rate: 2/h, burst: 1 }]";
    let site = Site::new(&with(rule));
    let peer = PeerAddr::new("10.0.0.1:1".parse().unwrap());
    let client = site.policy().client.network(peer.client());
    let admits = || {
        let policy = site.policy();
        let rule = policy.throttle.iter().next().unwrap();
        rule.arrive(client, Instant::now()).outcome.is_ok()
    };
    while admits() {}
    site.reload(&with(&format!("{rule}\nmode: observe")))
        .unwrap();
    assert!(!admits(), "the debt has survived");
    let renamed = rule.replace("all", "everybody");
    site.reload(&with(&renamed)).unwrap();
    assert!(admits(), "another rule begins anew");
}

#[test]
fn a_demotion_ends_with_a_reload() {
    let yaml = with("routes: [{ path: /a, access: read }]");
    let site = Site::new(&yaml);
    assert_eq!(site.policy().routes.demote(Some(0)), Demoted::Now);
    assert_eq!(site.policy().routes.demoted().count(), 1);
    site.reload(&yaml).unwrap();
    assert_eq!(site.policy().routes.demoted().count(), 0);
}

#[test]
fn a_text_cannot_be_read_again() {
    let reload = of(Config::parse(BASE, &|_| None).unwrap());
    assert_eq!(reload.files(), Vec::<PathBuf>::new());
    assert_eq!(reload.reload(Cause::Signal), Err(NotReloaded::NoFile));
}
