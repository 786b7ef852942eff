//! The dashboard with figures that the test makes up: hostile texts, a great many lanes, every screen, the keyboard.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Browser, Key, Proxy, Screen, Upstream};

const LIGHT: Screen = Screen {
    width: 1400,
    height: 1000,
    scheme: "light",
};
const DARK: Screen = Screen {
    scheme: "dark",
    ..LIGHT
};
const PHONE: Screen = Screen {
    width: 360,
    height: 780,
    scheme: "light",
};

/// What would do harm if any text were taken for HTML; all of it in the shape of a path.
const HOSTILE: &str = "/<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>&lt;b&gt;'\"`${1}";

/// A lane as the API tells of it.
fn lane(number: usize, waiting: usize, text: &str) -> Value {
    let request = |ticket: usize, state: &str| {
        json!({ "ticket": format!("{number}-{ticket}"), "state": state, "route": text, "method": "POST", "path": text,
            "access": "write", "age_ms": 5000 - ticket, "held_ms": 4000, "limit_ms": 100_000 })
    };
    let waiters: Vec<Value> = (1..=waiting.min(50))
        .map(|ticket| request(ticket, "waiting"))
        .collect();
    json!({ "id": format!("{number:032x}"), "session": format!("{number:06x}"), "age_ms": 5000, "holding": 1, "waiting": waiting,
        "observed": 0, "passed": 0, "holders": [request(0, "executing")], "waiters": waiters })
}

/// A whole snapshot, in which each text that is somebody else's is `text`.
fn snapshot(lanes: &[Value], text: &str) -> Value {
    let page = json!({ "route": text, "method": "GET", "path": text });
    let numbers: Vec<usize> = (0..60).map(|step| step % 7).collect();
    let waiting: u64 = lanes
        .iter()
        .filter_map(|lane| lane["waiting"].as_u64())
        .sum();
    json!({
        "version": "0.1.0", "now_ms": 1_795_279_200_000_u64, "uptime_ms": 86_400_000,
        "readiness": { "state": "not_ready", "why": text }, "mutations": "token",
        "policy": { "version": 1, "digest": "1f2e3d4c5b6a", "loaded_ms": 1_795_192_800_000_u64, "mode": "mixed" },
        "totals": { "lanes": lanes.len(), "holding": lanes.len(), "waiting": waiting, "connections": 1, "throttle_clients": 1,
            "buffer_memory": 0, "requests": 1000, "waited": 10, "waited_ms": 1000, "held": 900, "held_ms": 9000, "refused": 1,
            "would_wait": 2, "would_refuse": 0, "exceptions": 1 },
        "lanes": lanes, "lanes_total": lanes.len(),
        "routes": [{ "route": text, "access": "read", "mode": "enforce", "demoted": true, "requests": 900, "waited": 12,
            "waited_ms": 3400, "held": 880, "held_ms": 120_000, "caused": 40, "caused_ms": 60_000, "would_wait": 0,
            "reports": { "wrote": 1, "unchanged": 10, "silent": 0 } }],
        "blocking": [{ "blocker": page, "waiter": page, "count": 31, "waited_ms": 45_000, "longest_ms": 4900 }],
        "refusals": [{ "reason": text, "count": 12 }], "exceptions": [{ "kind": text, "count": 1 }],
        "clients": [{ "network": text, "rule": text, "mode": "observe", "inside": 4, "waiting": 1, "refused": 17, "refused_ago_ms": 1200 }],
        "findings": [{ "route": text, "method": "GET", "path": text, "requests": 100, "met": 30, "nested": 2 }],
        "advice": [{ "kind": "never_wrote", "route": text, "method": "GET", "path": text, "access": "read", "saves_ms": 45_000,
            "why": text, "yaml": text }],
        "asks": true,
        "history": { "step_ms": 10_000, "end_ms": 1_795_279_200_000_u64, "requests": numbers, "waited": numbers,
            "waited_ms": numbers, "refused": numbers, "waiting": numbers, "holding": numbers },
    })
}

/// Opens the dashboard of an idle Onelane, in which each stream begins with `figures`, and `show` gives it further ones.
fn open(browser: &Browser, proxy: &Proxy, figures: &Value) {
    let source = format!(
        "const text = new TextEncoder();
         const event = (figures) => text.encode('event: state\\ndata: ' + JSON.stringify(figures) + '\\n\\n');
         const outside = window.fetch;
         window.fetch = async (path, options) => path.startsWith('/api/v1/events')
           ? new Response(new ReadableStream({{ start(stream) {{
               window.show = (figures) => stream.enqueue(event(figures));
               window.show({figures});
             }} }}))
           : outside(path, options);"
    );
    browser.ask(
        "Page.addScriptToEvaluateOnNewDocument",
        &json!({ "source": source }),
    );
    browser.open(proxy.admin_address());
    browser.until("document.querySelector('#link').textContent === 'live' && document.querySelector('#tiles .value')");
}

fn idle() -> (Upstream, Proxy) {
    let app = Upstream::start();
    let proxy = Proxy::in_front_of(&app, "");
    (app, proxy)
}

#[test]
fn what_clients_wrote_is_shown_as_text_wherever_it_is_shown() {
    let ((_app, proxy), browser) = (idle(), Browser::start());
    open(&browser, &proxy, &snapshot(&[lane(1, 3, HOSTILE)], HOSTILE));
    browser.click(".session");
    browser.until("document.querySelector('.all .path')");
    browser.click(".release");
    let shown = browser.run("return document.body.textContent").to_string();
    let places = shown.matches("onerror").count();
    assert!(places >= 15, "it is shown in {places} places:\n{shown}");
    let made = browser.run("return document.querySelectorAll('img, b, main script').length");
    assert_eq!(made, 0, "elements came of it");
    assert_ne!(browser.run("return document.title"), "owned");
    assert_eq!(browser.console(), Vec::<String>::new());
}

#[test]
fn even_a_page_that_took_text_for_html_could_not() {
    let ((_app, proxy), browser) = (idle(), Browser::start());
    open(&browser, &proxy, &snapshot(&[], "/"));
    let refused = browser.run(
        "try { document.body.innerHTML = arguments[0] ?? '<img src=x onerror=\"document.title = 1\">'; return ''; }
         catch (error) { return error.name; }",
    );
    assert_eq!(refused, "TypeError");
    assert!(!browser.console().is_empty(), "and the console says so");
}

#[test]
fn two_hundred_lanes_of_fifty_are_drawn_as_what_fits_and_counted() {
    let ((_app, proxy), browser) = (idle(), Browser::start());
    browser.screen(LIGHT);
    let lanes: Vec<Value> = (0..200)
        .map(|number| lane(number, 50, "/cart.aspx"))
        .collect();
    open(&browser, &proxy, &snapshot(&lanes, "/cart.aspx"));
    browser.until("document.querySelectorAll('.lane').length === 40");
    assert!(
        browser.text("#lanes-note").contains("160 more"),
        "{}",
        browser.text("#lanes-note")
    );
    let first = browser.text(".lane");
    let boxes =
        browser.run("return document.querySelectorAll('.lane:first-child .line .box').length");
    let boxes = boxes.as_u64().unwrap();
    assert!(
        boxes >= 4 && first.contains(&format!("and {} more", 50 - boxes)),
        "{boxes}: {first}"
    );
    let nodes = browser.run("return document.querySelectorAll('*').length");
    assert!(nodes.as_u64().unwrap() < 4000, "{nodes} elements");
    // The same figures again make no element anew: the rows are the ones that were there.
    browser.run("document.querySelectorAll('.lane, .box').forEach((node) => node.mark = true)");
    let mut again = snapshot(&lanes, "/cart.aspx");
    again["totals"]["waiting"] = json!(4321);
    browser.run(&format!("show({again})"));
    browser.until("document.querySelector('#tiles').textContent.includes('4,321')");
    let anew =
        "return [...document.querySelectorAll('.lane, .box')].filter((node) => !node.mark).length";
    assert_eq!(browser.run(anew), 0);
    // What is not drawn is found.
    browser.write("#find", "0000c7");
    browser.until("document.querySelectorAll('.lane').length === 1 && document.querySelector('.session').textContent.includes('0000c7')");
    assert_eq!(browser.console(), Vec::<String>::new());
}

#[test]
fn nothing_is_wider_than_the_narrowest_phone() {
    let ((_app, proxy), browser) = (idle(), Browser::start());
    browser.screen(PHONE);
    let long = format!("/{}", "abcdefghij/klmnopqrstuvwxyz0123456789".repeat(8));
    open(
        &browser,
        &proxy,
        &snapshot(&[lane(1, 9, &long), lane(2, 0, HOSTILE)], &long),
    );
    browser.click(".session");
    for width in [320, 360, 768, 1100] {
        browser.screen(Screen { width, ..PHONE });
        browser.until(&format!("innerWidth === {width}"));
        let aside = "const { scrollWidth, clientWidth } = document.documentElement; return scrollWidth - clientWidth";
        assert_eq!(browser.run(aside), 0, "{width}: the page scrolls sideways");
    }
    // The control: something wide is noticed.
    browser.run("document.querySelector('#lanes-note').style.paddingLeft = '2000px'");
    let aside = browser.run("return document.documentElement.scrollWidth");
    assert!(aside.as_u64() > Some(2000), "{aside}");
    assert_eq!(browser.text(".lane .more:not(:empty)"), "and 6 more");
}

#[test]
fn every_text_can_be_read_in_light_and_in_dark() {
    let ((_app, proxy), browser) = (idle(), Browser::start());
    let mut grounds = BTreeSet::new();
    for screen in [LIGHT, DARK] {
        browser.screen(screen);
        let mut old = lane(2, 4, "/old.aspx");
        old["holders"][0]["access"] = json!("read");
        old["waiters"][0]["age_ms"] = json!(60_000);
        old["waiters"][1]["age_ms"] = json!(300);
        let mut overdue = lane(3, 0, "/late.aspx");
        overdue["holders"][0]["state"] = json!("overdue");
        open(
            &browser,
            &proxy,
            &snapshot(&[lane(1, 3, "/cart.aspx"), old, overdue], "/cart.aspx"),
        );
        browser.click(".session");
        let faint = browser.run(FAINT);
        assert_eq!(
            faint,
            json!([]),
            "{}: contrast below 4.5 (WCAG 2 AA)",
            screen.scheme
        );
        grounds.insert(
            browser
                .run("return getComputedStyle(document.documentElement).backgroundColor")
                .to_string(),
        );
    }
    // The control: what is faint is found.
    browser.run("document.querySelector('#lanes-note').style.opacity = 0.3");
    assert_ne!(browser.run(FAINT), json!([]));
    assert_eq!(grounds.len(), 2, "dark is another ground: {grounds:?}");
}

#[test]
fn the_keyboard_reaches_every_control() {
    let ((_app, proxy), browser) = (idle(), Browser::start());
    browser.screen(LIGHT);
    open(
        &browser,
        &proxy,
        &snapshot(&[lane(1, 3, "/cart.aspx"), lane(2, 0, "/x")], "/cart.aspx"),
    );
    let controls = "[...document.querySelectorAll('a, button, input')].filter((node) => node.checkVisibility() && !node.closest('dialog'))";
    let all = browser
        .run(&format!("return {controls}.length"))
        .as_u64()
        .unwrap();
    assert!(all > 15, "{all}");
    browser.run("document.activeElement.blur(); window.reached = new Set(); window.unseen = [];
        document.addEventListener('focusin', ({ target }) => {
          reached.add(target);
          if (target.matches(':focus-visible') && getComputedStyle(target).outlineStyle === 'none') unseen.push(target.outerHTML);
        });");
    for _ in 0..all + 6 {
        browser.press(Key::Tab);
    }
    let missed = browser.run(&format!(
        "return {controls}.filter((node) => !reached.has(node)).map((node) => node.outerHTML)"
    ));
    assert_eq!(missed, json!([]), "not reached");
    assert_eq!(
        browser.run("return unseen"),
        json!([]),
        "focus is not shown"
    );
    browser.run("document.querySelector('.session').focus()");
    browser.press(Key::Enter);
    assert_eq!(
        browser.run("return document.querySelector('.session').getAttribute('aria-expanded')"),
        "true"
    );
    browser.run("document.querySelector('.release').focus()");
    browser.press(Key::Enter);
    browser.until(
        "document.querySelector('#release').open && document.activeElement.id === 'release-token'",
    );
    browser.press(Key::Escape);
    browser.until(
        "!document.querySelector('#release').open && document.activeElement.matches('.release')",
    );
    // A heading of the table sorts, and says so.
    browser.run("document.querySelector('#routes th:nth-child(6) button').focus()");
    browser.press(Key::Enter);
    let sorted =
        "return document.querySelector('#routes th:nth-child(6)').getAttribute('aria-sort')";
    assert_eq!(browser.run(sorted), "descending");
}

#[test]
fn a_screen_reader_hears_names_of_everything() {
    let ((_app, proxy), browser) = (idle(), Browser::start());
    open(
        &browser,
        &proxy,
        &snapshot(&[lane(1, 3, "/cart.aspx")], "/cart.aspx"),
    );
    let tree = browser.ask("Accessibility.getFullAXTree", &json!({}));
    let mut heard: BTreeSet<(String, String)> = BTreeSet::new();
    for node in tree["nodes"].as_array().unwrap() {
        let [role, name] =
            ["role", "name"].map(|key| node[key]["value"].as_str().unwrap_or_default().to_owned());
        let named = [
            "button",
            "link",
            "searchbox",
            "textbox",
            "image",
            "table",
            "region",
            "heading",
            "columnheader",
            "rowheader",
        ];
        if named.contains(&role.as_str()) && node["ignored"] != true {
            assert_ne!(name.trim(), "", "no name: {node}");
            heard.insert((role, name));
        }
    }
    let heard_as = |role: &str, part: &str| {
        heard
            .iter()
            .any(|(known, name)| known == role && name.contains(part))
    };
    for (role, part) in [
        ("button", "Release lane 000001"),
        ("searchbox", "Find a lane"),
        ("image", "Requests in the last ten minutes"),
        ("image", "Waits in the last ten minutes"),
        ("table", "Routes"),
        ("table", "Who blocks whom"),
        ("heading", "Lanes"),
        ("button", "Copy the route for"),
        ("columnheader", "Made others wait"),
        ("rowheader", "/cart.aspx"),
    ] {
        assert!(heard_as(role, part), "{role} {part} is not among {heard:?}");
    }
    // What ticks is not announced; what happens is.
    assert_eq!(
        browser
            .run("return [...document.querySelectorAll('[role=status]')].map((node) => node.id)"),
        json!(["link", "said"])
    );
    let order =
        "return [...document.querySelectorAll('h1, h2, h3')].map((node) => node.tagName)[0]";
    assert_eq!(browser.run(order), "H1");
}

/// The shown texts whose contrast with what is behind them is below 4.5, as WCAG 2 computes it.
const FAINT: &str = r"
const parse = (color) => { const [r, g, b, a = 1] = color.match(/[\d.]+/g).map(Number); return [r, g, b, a]; };
const over = ([r, g, b, a], [x, y, z]) => [r * a + x * (1 - a), g * a + y * (1 - a), b * a + z * (1 - a), 1];
const light = ([r, g, b]) => [r, g, b].map((c) => c / 255).map((c) => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
  .reduce((sum, c, at) => sum + c * [0.2126, 0.7152, 0.0722][at], 0);
const behind = (node) => {
  const own = parse(getComputedStyle(node).backgroundColor);
  return own[3] === 1 || !node.parentElement ? own : over(own, behind(node.parentElement));
};
const faint = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const node = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || !node.checkVisibility() || node.closest('.hidden, .skip, script')) continue;
  const style = getComputedStyle(node);
  const ground = behind(node);
  const color = parse(node.namespaceURI.endsWith('svg') ? style.fill : style.color);
  for (let up = node; up; up = up.parentElement) color[3] *= Number(getComputedStyle(up).opacity);
  const [a, b] = [light(over(color, ground)), light(ground)];
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < 4.5) faint.push(`${ratio.toFixed(2)} ${node.tagName}.${node.className} ${walker.currentNode.data.trim().slice(0, 30)}`);
}
return faint;";
