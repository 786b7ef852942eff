//! The files that are shipped for each stack: what their comments say of a request is what is decided about it.

use super::*;

/// Method, target, the route's label, its access, and the lanes of a request with the stack's cookies.
type Case = (
    &'static str,
    &'static str,
    &'static str,
    Access,
    &'static [&'static str],
);

/// The lanes of a user.
const OWN: &[&str] = &["session"];
/// The request has no lane, whatever its cookies are.
const NO_LANE: &[&str] = &[];

/// Checks that `text` is without doubts, and decides the requests of the table, sent with `cookies`, as it says.
#[track_caller]
fn check(text: &str, cookies: &str, table: &[Case]) -> Config {
    let config = config(text);
    assert_eq!(config.warnings, []);
    for (method, target, label, access, lanes) in table {
        let request = request(method, target, &[("cookie", cookies)]);
        let explained = config.policy.routes.explain(&request);
        let decision = explained.decision;
        assert_eq!(**decision.label, **label, "{method} {target}");
        assert_eq!(decision.terms.access, *access, "{method} {target}");
        assert_eq!(decision.terms.mode, Mode::Observe, "the first step");
        assert_eq!(
            lanes_of(&config, &request, decision.terms),
            *lanes,
            "{method} {target}"
        );
    }
    config
}

/// The lanes that a request takes on these terms, by name.
fn lanes_of(config: &Config, request: &http::request::Parts, terms: &Terms) -> Vec<String> {
    let waits = match (terms.access, terms.reads) {
        (Access::None, _) | (Access::Read, Reads::Overtake) => false,
        (Access::Read | Access::Write, _) => true,
    };
    let found = config.policy.sessions.find_by_lane(request);
    found
        .filter(|(_, found)| waits && matches!(found, Found::Session(_)))
        .map(|(name, _)| name.to_string())
        .collect()
}

/// Each file keeps the order of limits that its comments ask for.
fn assert_limits(config: &Config, hold: u64, on_hold_limit: OnHoldLimit) {
    let terms = terms(config, "POST", "/");
    assert_eq!(terms.limits.hold_limit, Duration::from_secs(hold));
    assert_eq!(terms.limits.on_hold_limit, on_hold_limit);
    assert!(config.startup.upstream.response_timeout() > terms.limits.hold_limit);
}

#[test]
fn aspnet_on_iis() {
    use Access::{None, Write};
    let text = include_str!("../../../config/aspnet-iis.yaml");
    let cookies = "a=b; ASP.NET_SessionId=lit3py55t21z5v55vlm25s55";
    let config = check(
        text,
        cookies,
        &[
            ("GET", "/default.aspx", "default", Write, OWN),
            ("POST", "/Cart/Add", "default", Write, OWN),
            ("GET", "/api/values", "default", Write, OWN),
            ("GET", "/bundles/jquery?v=x", "bundles", None, NO_LANE),
            ("POST", "/bundles/jquery", "default", Write, OWN),
            ("GET", "/content/CSS", "style bundle", None, NO_LANE),
            (
                "GET",
                "/.well-known/acme-challenge/x",
                "well-known",
                None,
                NO_LANE,
            ),
            ("GET", "/images/logo.png", "preset:static", None, NO_LANE),
            ("GET", "/default.aspx/logo.png", "default", Write, OWN),
            ("POST", "/signalr/send", "preset:signalr", None, NO_LANE),
        ],
    );
    assert_limits(&config, 130, OnHoldLimit::Release);
    assert_eq!(terms(&config, "GET", "/").reads, Reads::Follow);
}

#[test]
fn sitecore() {
    use Access::{None, Write};
    let text = include_str!("../../../config/sitecore.yaml");
    let cookies = "ASP.NET_SessionId=lit3py55t21z5v55vlm25s55; SC_ANALYTICS_GLOBAL_COOKIE=611a20207bf14802a1bf1a0aa6e671be|True";
    let config = check(text, cookies, SITECORE);
    assert_limits(&config, 620, OnHoldLimit::Release);
    assert_eq!(terms(&config, "GET", "/sitecore/login").limits.waiters, 200);

    let both: &[&str] = &["session", "shared"];
    let shared = text.replace("shared: false", "shared: true");
    check(
        &shared,
        cookies,
        &[
            ("GET", "/en/products", "default", Write, both),
            ("GET", "/-/media/hero.jpg", "preset:media", None, NO_LANE),
        ],
    );
    let contact_alone = cookies.split_once("; ").unwrap().1;
    check(
        &shared,
        contact_alone,
        &[("GET", "/en", "default", Write, &["shared"])],
    );
    check(
        text,
        contact_alone,
        &[("GET", "/en", "default", Write, NO_LANE)],
    );
}

#[test]
fn php() {
    use Access::{None, Write};
    let config = check(
        include_str!("../../../config/php.yaml"),
        "PHPSESSID=q1w2e3r4t5y6u7i8o9p0asdfgh",
        &[
            ("GET", "/index.php", "default", Write, OWN),
            ("GET", "/", "default", Write, OWN),
            ("GET", "/assets/app.js", "files", None, NO_LANE),
            ("GET", "/assets/report.php", "default", Write, OWN),
            ("GET", "/upload/picture.png", "default", Write, OWN),
            (
                "GET",
                "/.well-known/acme-challenge/x",
                "well-known",
                None,
                NO_LANE,
            ),
        ],
    );
    assert_limits(&config, 130, OnHoldLimit::Wait);
}

#[test]
fn magento() {
    use Access::{None, Write};
    let config = check(
        include_str!("../../../config/magento.yaml"),
        "PHPSESSID=q1w2e3r4t5y6u7i8o9p0asdfgh; mage-cache-sessid=true",
        &[
            (
                "GET",
                "/customer/section/load/?sections=cart",
                "default",
                Write,
                OWN,
            ),
            (
                "POST",
                "/rest/default/V1/guest-carts/x/items",
                "default",
                Write,
                OWN,
            ),
            ("POST", "/graphql", "default", Write, OWN),
            (
                "GET",
                "/static/version1/frontend/x/app.js",
                "preset:static",
                None,
                NO_LANE,
            ),
            (
                "GET",
                "/media/catalog/product/a.jpg",
                "preset:static",
                None,
                NO_LANE,
            ),
            ("GET", "/health_check.php", "health", None, NO_LANE),
            ("POST", "/admin/sales/order/view", "back end", Write, OWN),
            ("GET", "/index.php/admin/a", "old back end", Write, OWN),
        ],
    );
    assert_limits(&config, 130, OnHoldLimit::Wait);
    assert_eq!(terms(&config, "GET", "/admin/").limits.waiters, 100);
}

#[test]
fn moodle() {
    use Access::{None, Write};
    let config = check(
        include_str!("../../../config/moodle.yaml"),
        "MoodleSessionlearn=q1w2e3r4t5y6u7i8o9p0asdfgh",
        &[
            ("GET", "/course/view.php?id=2", "default", Write, OWN),
            (
                "POST",
                "/lib/ajax/service.php?info=x",
                "default",
                Write,
                OWN,
            ),
            (
                "POST",
                "/lib/ajax/service-nologin.php",
                "preset:scripts",
                None,
                NO_LANE,
            ),
            (
                "GET",
                "/theme/styles.php/boost/1/all",
                "preset:scripts",
                None,
                NO_LANE,
            ),
            (
                "GET",
                "/course/format/onetopic/styles.php",
                "default",
                Write,
                OWN,
            ),
            (
                "GET",
                "/pluginfile.php/5/mod_resource/content/0/a.pdf",
                "files",
                Write,
                OWN,
            ),
            (
                "GET",
                "/tokenpluginfile.php/abc/5/user/icon/f1",
                "files by token",
                None,
                NO_LANE,
            ),
            ("POST", "/login/token.php", "app login", None, NO_LANE),
            ("POST", "/login/index.php", "default", Write, OWN),
        ],
    );
    assert_limits(&config, 130, OnHoldLimit::Wait);
    assert_eq!(
        terms(&config, "GET", "/pluginfile.php/1/a").release,
        Release::Headers
    );
    assert_ne!(
        terms(&config, "GET", "/course/view.php").release,
        Release::Headers
    );
}

#[test]
fn java() {
    use Access::{None, Write};
    let config = check(
        include_str!("../../../config/java.yaml"),
        "JSESSIONID=0F1E2D3C4B5A69788796A5B4C3D2E1F0.node1",
        &[
            ("POST", "/app/order.xhtml", "default", Write, OWN),
            ("GET", "/img/logo.png", "default", Write, OWN),
            (
                "GET",
                "/javax.faces.resource/jsf.js.xhtml?ln=javax.faces",
                "jsf resources",
                None,
                NO_LANE,
            ),
            (
                "GET",
                "/jakarta.faces.resource/faces.js.xhtml",
                "jsf resources",
                None,
                NO_LANE,
            ),
            (
                "GET",
                "/webjars/bootstrap/css/bootstrap.min.css",
                "webjars",
                None,
                NO_LANE,
            ),
            ("GET", "/actuator/health", "health", None, NO_LANE),
            ("GET", "/actuator/env", "default", Write, OWN),
        ],
    );
    assert_limits(&config, 130, OnHoldLimit::Release);
}

#[test]
fn what_the_files_propose_in_comments_can_be_taken_as_it_stands() {
    for text in [
        include_str!("../../../config/aspnet-iis.yaml"),
        include_str!("../../../config/sitecore.yaml"),
        include_str!("../../../config/php.yaml"),
        include_str!("../../../config/magento.yaml"),
        include_str!("../../../config/moodle.yaml"),
        include_str!("../../../config/java.yaml"),
    ] {
        let proposed = |line: &&str| {
            ["# - {", "# cookie:", "# scope:", "# client:"]
                .iter()
                .any(|start| line.trim_start().starts_with(start))
        };
        assert!(text.lines().filter(proposed).count() >= 2);
        let taken: String = text
            .lines()
            .map(|line| match proposed(&line) {
                true => format!("{}\n", line.replacen("# ", "", 1)),
                false => format!("{line}\n"),
            })
            .collect();
        assert_eq!(config(&taken).warnings, [], "{taken}");
    }
}

const SITECORE: &[Case] = &[
    ("GET", "/en/products", "default", Access::Write, OWN),
    (
        "POST",
        "/api/sitecore/cart/add",
        "default",
        Access::Write,
        OWN,
    ),
    (
        "GET",
        "/-/media/hero.ashx?w=300",
        "preset:media",
        Access::None,
        NO_LANE,
    ),
    (
        "GET",
        "/~/media/hero.jpg",
        "preset:old media",
        Access::None,
        NO_LANE,
    ),
    ("GET", "/healthz/ready", "health", Access::None, NO_LANE),
    (
        "GET",
        "/layouts/system/VisitorIdentificationCSS.aspx",
        "visitor identification",
        Access::Write,
        OWN,
    ),
    (
        "GET",
        "/sitecore/shell/default.aspx",
        "editors",
        Access::Write,
        OWN,
    ),
    (
        "GET",
        "/sitecore/admin/cache.aspx",
        "editors",
        Access::Write,
        OWN,
    ),
    (
        "GET",
        "/sitecore/shell/themes/standard/default.css",
        "editors files",
        Access::None,
        NO_LANE,
    ),
    (
        "GET",
        "/sitecore/shell/-/media/hero.ashx?thn=1",
        "editors media",
        Access::None,
        NO_LANE,
    ),
    (
        "POST",
        "/sitecore/shell/-/media/hero.ashx",
        "editors",
        Access::Write,
        OWN,
    ),
    (
        "GET",
        "/assets/site.js",
        "preset:static",
        Access::None,
        NO_LANE,
    ),
];
