//! Laravel, WooCommerce, Magento and Moodle.

use super::*;

#[test]
fn laravel_knows_its_encrypted_cookie_under_any_applications_name() {
    const VALUE: &str = "eyJpdiI6IkVZbjhoMEYzKzczNFF2MVB0S1phZ3c9PSIsInZhbHVlIjoicUwrK2xXK3JuZEVaZlYyVlV2THJOaTNhMlIrTTkxcFNSc0dObnZrRXhhclJxb0RRTXdIdHlRdnNmQXJ4RGozdyIsIm1hYyI6ImIxZTFjYmVlNzY0NTliYzg2NWI4NGIwMDZiMGU4NWMyIn0=";
    let laravel = sessions(Preset::Laravel.sources(None));
    let value = VALUE.trim_end_matches('=');
    for (line, expected) in [
        (format!("laravel_session={value}%3D"), Id(VALUE)),
        (
            format!(
                "XSRF-TOKEN=eyJpdiI6{}; my_shop_session={value}=",
                "A".repeat(200)
            ),
            Id(VALUE),
        ),
        (format!("laravel-session={value}%3D"), Id(VALUE)),
        (
            "_ga_session=GS1.1.1735136; other_session=1".to_owned(),
            SHORT,
        ),
        (
            format!("XSRF-TOKEN={value}%3D; remember_web_59ba36addc2b2f9401580f014c7f58ea={value}"),
            Nothing,
        ),
        ("laravel_session=".to_owned(), Odd(OddReason::Empty)),
        (format!("laravel_session={}", "a".repeat(40)), SHORT),
    ] {
        assert_found(&laravel, &with_cookies(&[line.as_bytes()]), expected, &line);
    }
    let named = sessions(Preset::Laravel.sources(Some("shop")));
    let plain = "a1B2c3D4e5F6g7H8i9J0a1B2c3D4e5F6g7H8i9J0";
    assert_found(
        &named,
        &with_cookies(&[format!("shop={plain}").as_bytes()]),
        Id(plain),
        "not encrypted",
    );
    assert_found(
        &named,
        &with_cookies(&[format!("laravel_session={value}").as_bytes()]),
        Nothing,
        "not the one named",
    );
}

#[test]
fn woocommerce_sessions_are_customers() {
    let guest = "t_24a50be699fb53123ba04805a08a1b";
    check(
        Preset::WooCommerce.sources(None),
        &[
            (
                "a guest, as PHP escapes it",
                "wp_woocommerce_session_91dc8d5bb3fb4812edf94a1e63f04a06=t_24a50be699fb53123ba04805a08a1b%7C%7C1788894203%7C%7C1788807803%7C%7C5d0cd1d4ce9a3bd8c6d5e6f1f2a3b4c5",
                Id(guest),
            ),
            (
                "renewed",
                "wp_woocommerce_session_91dc8d5bb3fb4812edf94a1e63f04a06=t_24a50be699fb53123ba04805a08a1b%7C%7C1788999999%7C%7C1788999000%7C%7Cffffd1d4ce9a3bd8c6d5e6f1f2a3b4c5",
                Id(guest),
            ),
            (
                "not escaped, and one | as since 9.x",
                "wp_woocommerce_session_91dc8d5bb3fb4812edf94a1e63f04a06=t_24a50be699fb53123ba04805a08a1b|1788894203|1788807803|$generic$e6IUrPfMVanVSnalhLbrlS2kNpeY33HTxk0qbvSw",
                Id(guest),
            ),
            (
                "a user",
                "wordpress_logged_in_9a1d=john%7C1761988602%7Cx%7Cy; wp_woocommerce_session_9a1daefe07e3d628d7e9f4ff0d3f8220=9732510%7C1760951083%7C1760864683%7C%24generic%24RB",
                Id("9732510"),
            ),
            (
                "WordPress itself has no session",
                "wordpress_logged_in_9a1d=john%7C1761988602%7Cx%7Cy",
                Nothing,
            ),
            (
                "no customer",
                "wp_woocommerce_session_9a1d=%7C%7C1788894203",
                Odd(OddReason::Empty),
            ),
            (
                "no customer's number",
                "wp_woocommerce_session_9a1d=null",
                SHORT,
            ),
            (
                "a site's neighbour",
                "wp_woocommerce_session_1=deleted; wp_woocommerce_session_2=7||1||2||x",
                Id("7"),
            ),
        ],
    );
}

#[test]
fn magento_has_a_session_for_the_shop_and_one_for_the_back_end() {
    let admin = "b1ackend0000000000000000ab";
    check(
        Preset::Magento.sources(None),
        &[
            (
                "Magento 2",
                "mage-cache-sessid=true; PHPSESSID=q1w2e3r4t5y6u7i8o9p0asdfgh; form_key=x",
                Id(PHP),
            ),
            (
                "Magento 1",
                "frontend=q1w2e3r4t5y6u7i8o9p0asdfgh; frontend_cid=abc",
                Id(PHP),
            ),
            (
                "the back end",
                "admin=b1ackend0000000000000000ab; PHPSESSID=q1w2e3r4t5y6u7i8o9p0asdfgh",
                Id(admin),
            ),
            (
                "in any order",
                "PHPSESSID=q1w2e3r4t5y6u7i8o9p0asdfgh; admin=b1ackend0000000000000000ab",
                Id(admin),
            ),
            (
                "Magento 1's back end",
                "adminhtml=b1ackend0000000000000000ab",
                Id(admin),
            ),
            (
                "another application's PHPSESSID",
                "PHPSESSID=zzzzzzzzzzzzzzzzzzzzzzzzzz; frontend=q1w2e3r4t5y6u7i8o9p0asdfgh",
                Id(PHP),
            ),
            (
                "some flag called admin",
                "admin=1; PHPSESSID=q1w2e3r4t5y6u7i8o9p0asdfgh",
                Id(PHP),
            ),
            (
                "the hash of the customer group is no session",
                "X-Magento-Vary=9bf9a599123e6402b85cde67144717a08b817412",
                Nothing,
            ),
        ],
    );
    check(
        Preset::Magento.sources(Some("SHOPID")),
        &[
            (
                "the name replaces the shop's",
                "SHOPID=q1w2e3r4t5y6u7i8o9p0asdfgh; PHPSESSID=zzzzzzzzzzzzzzzzzzzzzzzzzz",
                Id(PHP),
            ),
            (
                "and leaves the back end's",
                "SHOPID=q1w2e3r4t5y6u7i8o9p0asdfgh; admin=b1ackend0000000000000000ab",
                Id(admin),
            ),
        ],
    );
}

#[test]
fn openmage_has_a_cookie_of_its_own() {
    check(
        Preset::Magento.sources(None),
        &[
            (
                "the shop",
                "om_frontend=q1w2e3r4t5y6u7i8o9p0asdfgh",
                Id(PHP),
            ),
            (
                "after an update",
                "frontend=zzzzzzzzzzzzzzzzzzzzzzzzzz; om_frontend=q1w2e3r4t5y6u7i8o9p0asdfgh",
                Id(PHP),
            ),
            (
                "the back end and the shop in one browser",
                "om_frontend=q1w2e3r4t5y6u7i8o9p0asdfgh; adminhtml=b1ackend0000000000000000ab",
                Id("b1ackend0000000000000000ab"),
            ),
        ],
    );
}

#[test]
fn moodle_cookies_may_have_a_suffix() {
    check(
        Preset::Moodle.sources(None),
        &[
            ("plain", "MoodleSession=q1w2e3r4t5y6u7i8o9p0asdfgh", Id(PHP)),
            (
                "with $CFG->sessioncookie",
                "MOODLEID1_=x; MoodleSessionlearn=q1w2e3r4t5y6u7i8o9p0asdfgh",
                Id(PHP),
            ),
            (
                "Moodle 1's test cookie is no session",
                "MoodleSessionTest=zfYjnkPTeL; MoodleSession=q1w2e3r4t5y6u7i8o9p0asdfgh",
                Id(PHP),
            ),
            ("nor by itself", "MoodleSessionTest=zfYjnkPTeL", SHORT),
            (
                "a remembered user name is none",
                "MOODLEID1_=%25E1%25C3",
                Nothing,
            ),
            (
                "the case of the name counts",
                "moodlesession=q1w2e3r4t5y6u7i8o9p0asdfgh",
                Nothing,
            ),
        ],
    );
    check(
        Preset::Moodle.sources(Some("MoodleSessionb")),
        &[(
            "one of two sites",
            "MoodleSessiona=zzzzzzzzzzzzzzzzzzzzzzzzzz; MoodleSessionb=q1w2e3r4t5y6u7i8o9p0asdfgh",
            Id(PHP),
        )],
    );
}
