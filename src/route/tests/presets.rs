//! What presets take out of the lane, what they leave in it, and how they hold it.

use super::*;

#[test]
fn aspnet_brings_routes_for_what_uses_no_session() {
    let table = aspnet(Vec::new());
    for (method, target, expected) in [
        ("POST", "/signalr/negotiate", "preset:signalr"),
        ("GET", "/App/SignalR/connect?x=1", "preset:signalr"),
        ("GET", "/signalr", "preset:signalr"),
        ("GET", "/signalrx/a", "default"),
        ("GET", "/WebResource.axd?d=x", "preset:WebResource.axd"),
        (
            "GET",
            "/app/scriptresource.AXD",
            "preset:ScriptResource.axd",
        ),
        ("GET", "/ChartImg.axd", "default"),
        ("GET", "/content/site.CSS", "preset:static"),
        ("POST", "/content/site.css", "default"),
        ("GET", "/checkout.aspx/x.css", "default"),
        ("GET", "/report.pdf", "default"),
        ("OPTIONS", "/api/x", "preset:OPTIONS"),
        ("GET", "/", "default"),
    ] {
        let request = request(method, target, &[]);
        assert_eq!(decided(&table, &request), expected, "{method} {target}");
        let access = if expected == "default" {
            Access::Write
        } else {
            Access::None
        };
        assert_eq!(
            table.decide(&request).terms.access,
            access,
            "{method} {target}"
        );
    }
}

#[test]
fn the_preset_changes_nothing_of_the_default_terms_but_the_access() {
    let default = Terms {
        on_client_gone: OnClientGone::Stay,
        mode: Mode::Observe,
        ..terms(Access::Read)
    };
    for preset in Preset::ALL {
        for route in preset::routes(preset, &default) {
            assert_eq!(
                *route.terms,
                Terms {
                    access: Access::None,
                    ..default.clone()
                }
            );
            assert_eq!(route.origin, Origin::Preset);
        }
    }
}

#[test]
fn a_preset_brings_no_route_where_a_missing_file_may_be_a_writer() {
    let default = terms(Access::Write);
    for preset in [
        Preset::Express,
        Preset::Java,
        Preset::Php,
        Preset::WooCommerce,
    ] {
        assert!(preset::routes(preset, &default).is_empty(), "{preset:?}");
    }
}

#[test]
fn each_preset_takes_out_what_uses_no_session_and_nothing_like_it() {
    for (preset, free, serialized) in OF_PRESETS {
        let default = terms(Access::Write);
        let routes = preset::routes(*preset, &default);
        let table = RouteTable::new(routes, Arc::new(default), preset::path_case(*preset));
        let each = |list: Requests, expected| {
            for (method, target) in list {
                let request = request(method, target, &[]);
                assert_eq!(
                    table.decide(&request).terms.access,
                    expected,
                    "{preset:?} {method} {target}"
                );
            }
        };
        each(free, Access::None);
        each(serialized, Access::Write);
    }
}

#[test]
fn a_preset_decides_how_its_application_holds_the_session() {
    for preset in Preset::ALL {
        let follows = matches!(preset, Preset::AspNet | Preset::Sitecore);
        assert_eq!(
            preset::reads(preset) == Reads::Follow,
            follows,
            "{preset:?}"
        );
        let never_breaks = matches!(preset, Preset::Php | Preset::Magento | Preset::Moodle);
        assert_eq!(
            preset::on_hold_limit(preset) == OnHoldLimit::Wait,
            never_breaks,
            "{preset:?}"
        );
        let grace = match preset {
            Preset::AspNetCore => Duration::from_millis(50),
            _ => Duration::ZERO,
        };
        assert_eq!(
            preset::release(preset),
            Release::Body { grace },
            "{preset:?}"
        );
    }
    assert_eq!(preset::path_case(Preset::Java), PathCase::Sensitive);
    assert_eq!(preset::path_case(Preset::Sitecore), PathCase::Insensitive);
}

/// Methods and targets.
type Requests = &'static [(&'static str, &'static str)];

/// What a preset takes out of the lane, and what it leaves in it.
const OF_PRESETS: &[(Preset, Requests, Requests)] = &[
    (
        Preset::Sitecore,
        &[
            ("GET", "/-/media/shop/hero.ashx?w=300"),
            ("HEAD", "/~/Media/shop/hero.jpg"),
            ("GET", "/en/-/media/a"),
            ("GET", "/sitecore/shell/themes/standard/default.css"),
            ("GET", "/WebResource.axd?d=1"),
        ],
        &[
            ("POST", "/-/media/upload"),
            ("GET", "/media/hero"),
            ("GET", "/sitecore/shell/default.aspx"),
            ("GET", "/sitecore/login"),
            ("GET", "/layouts/system/VisitorIdentification.aspx"),
            ("GET", "/api/sitecore/cart/show"),
            ("GET", "/~/icon/applications/16x16/x.png.aspx"),
        ],
    ),
    (
        Preset::AspNetCore,
        &[
            ("GET", "/lib/site.js"),
            ("POST", "/_blazor/negotiate"),
            ("GET", "/shop/_blazor?id=1"),
        ],
        &[("GET", "/hubs/chat"), ("OPTIONS", "/api")],
    ),
    (
        Preset::ClassicAsp,
        &[("GET", "/Images/LOGO.GIF")],
        &[("GET", "/default.asp"), ("GET", "/page.asp/logo.gif")],
    ),
    (
        Preset::ColdFusion,
        &[("GET", "/css/main.css")],
        &[("GET", "/index.cfm/a.css"), ("GET", "/api/users.cfc")],
    ),
    (
        Preset::Django,
        &[("GET", "/static/admin/css/base.css")],
        &[
            ("GET", "/captcha/image/1.png"),
            ("GET", "/Static/a.css"),
            ("POST", "/static/a.js"),
        ],
    ),
    (
        Preset::Laravel,
        &[("GET", "/build/assets/app-4ed993c7.js")],
        &[
            ("GET", "/storage/avatars/1.png"),
            ("GET", "/shop/build/a.js"),
        ],
    ),
    (
        Preset::Rails,
        &[
            ("GET", "/assets/application-1a2b.css"),
            ("GET", "/packs/js/app.js"),
        ],
        &[
            ("GET", "/rails/active_storage/blobs/x/a.png"),
            ("GET", "/assets/export"),
        ],
    ),
    (
        Preset::Magento,
        &[
            (
                "GET",
                "/static/version1700000000/frontend/Magento/luma/en_US/mage/app.js",
            ),
            ("GET", "/pub/media/catalog/product/a/b/ab.jpg"),
            ("GET", "/skin/frontend/base/default/css/styles.css"),
        ],
        &[
            ("GET", "/customer/section/load/?sections=cart"),
            ("GET", "/favicon.ico"),
            ("GET", "/media/export.csv"),
            ("GET", "/shop/media/a.jpg"),
        ],
    ),
    (
        Preset::Moodle,
        &[
            ("GET", "/theme/styles.php/boost/1700000000_1/all"),
            ("GET", "/moodle/theme/image.php/boost/core/1700000000/u/f1"),
            ("GET", "/lib/requirejs.php/1700000000/core/first.js"),
            (
                "GET",
                "/theme/yui_combo.php?rollup/3.18.1/yui-moodlesimple-min.js",
            ),
            ("POST", "/lib/ajax/service-nologin.php"),
            ("GET", "/theme/jquery.php/core/jquery-3.7.1.min.js"),
            ("GET", "/theme/yui_image.php/3.18.1/sprite.png"),
            ("GET", "/lib/editor/tiny/loader.php/1700000000/tinymce.js"),
            ("GET", "/lib/editor/tiny/lang.php/1700000000/en"),
            ("GET", "/lib/jssourcemap.php/core/first.js"),
            ("GET", "/help_ajax.php?identifier=cookiesenabled"),
        ],
        &[
            ("GET", "/user/pix.php/2/f1.jpg"),
            ("GET", "/lib/ajax/getnavbranch.php"),
            ("GET", "/course/format/onetopic/styles.php"),
            ("POST", "/lib/ajax/service.php"),
            ("GET", "/pluginfile.php/1/user/icon/f1.png"),
            ("GET", "/theme/styles.phpx"),
            ("GET", "/a/b/theme/styles.php"),
        ],
    ),
];
