//! Chromium, driven by WebDriver (W3C) and its own protocol as far as is needed to use a page as a person does.
//!
//! Guarantees: an empty profile; ends with its value, and with the thread that started it. What a page has to come to is
//! waited for inside of the page. Chromium that is not installed fails the test with the command that installs it.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::eventually;

#[path = "webdriver.rs"]
mod webdriver;

use webdriver::{Patience, Session};

/// A browser with one window.
pub(crate) struct Browser {
    session: Session,
    driver: Child,
    _profile: TempDir,
    _alone: MutexGuard<'static, ()>,
}

/// A screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Screen {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// `light` or `dark`.
    pub(crate) scheme: &'static str,
}

/// A key that has no letter.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Key {
    Enter,
    Escape,
    Tab,
}

impl Browser {
    /// Starts it; there is one at a time, since each takes what the machine has.
    pub(crate) fn start() -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let profile = tempfile::tempdir().unwrap();
        let address = free_address();
        let said = profile.path().join("driver");
        let mut driver = Command::new("setpriv") // it ends when this thread does, whatever happens
            .args(["--pdeathsig", "TERM", "--", "chromedriver"])
            .arg(format!("--port={}", address.port()))
            .stdin(Stdio::null())
            .stdout(fs::File::create(&said).unwrap())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        eventually(INSTALL, || {
            let text = fs::read_to_string(&said).unwrap();
            let ended = driver.try_wait().unwrap();
            assert_eq!(ended, None, "{text}; {INSTALL}");
            text.contains("started successfully")
        });
        let session = Session::start(address, &profile.path().join("profile"), PATIENCE);
        Self {
            session: session.unwrap_or_else(|error| panic!("{error}; {INSTALL}")),
            driver,
            _profile: profile,
            _alone: alone,
        }
    }

    /// Loads a page.
    pub(crate) fn open(&self, address: SocketAddr) {
        self.post("/url", &json!({ "url": format!("http://{address}/") }));
    }

    /// Runs a script that returns a value.
    #[track_caller]
    pub(crate) fn run(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// Waits inside the page until this expression is true.
    #[track_caller]
    pub(crate) fn until(&self, expression: &str) {
        let script = format!(
            "const done = arguments[0];
             const look = () => ({expression}) ? done('') : setTimeout(look, 30);
             setTimeout(() => done(document.body.innerText), {UNTIL_MS});
             look();"
        );
        let seen = self.post("/execute/async", &json!({ "script": script, "args": [] }));
        assert_eq!(
            seen, "",
            "did not happen: {expression}; the page shows instead"
        );
    }

    /// The text that is shown of the first such element.
    #[track_caller]
    pub(crate) fn text(&self, selector: &str) -> String {
        let script = format!("return document.querySelector({selector:?}).innerText");
        self.run(&script).as_str().unwrap_or_default().to_owned()
    }

    /// Clicks on the first such element, where it can be seen.
    #[track_caller]
    pub(crate) fn click(&self, selector: &str) {
        let element = self.element(selector);
        self.post(&format!("/element/{element}/click"), &json!({}));
    }

    /// Types into the first such element.
    #[track_caller]
    pub(crate) fn write(&self, selector: &str, text: &str) {
        let element = self.element(selector);
        self.post(
            &format!("/element/{element}/value"),
            &json!({ "text": text }),
        );
    }

    /// Presses a key, wherever the focus is.
    #[track_caller]
    pub(crate) fn press(&self, key: Key) {
        let key = match key {
            Key::Enter => '\u{E007}',
            Key::Escape => '\u{E00C}',
            Key::Tab => '\u{E004}',
        };
        let steps = json!([{ "type": "keyDown", "value": key }, { "type": "keyUp", "value": key }]);
        let keyboard = json!([{ "type": "key", "id": "keyboard", "actions": steps }]);
        self.post("/actions", &json!({ "actions": keyboard }));
    }

    /// Looks at pages on another screen from now on.
    pub(crate) fn screen(&self, screen: Screen) {
        let Screen {
            width,
            height,
            scheme,
        } = screen;
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500 });
        self.ask("Emulation.setDeviceMetricsOverride", &size);
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.ask(
            "Emulation.setEmulatedMedia",
            &json!({ "features": features }),
        );
    }

    /// A command of Chromium's own protocol.
    #[track_caller]
    pub(crate) fn ask(&self, command: &str, parameters: &Value) -> Value {
        self.post(
            "/goog/cdp/execute",
            &json!({ "cmd": command, "params": parameters }),
        )
    }

    /// What the console has said since it was last asked.
    #[track_caller]
    pub(crate) fn console(&self) -> Vec<String> {
        let entries = self.post("/se/log", &json!({ "type": "browser" }));
        let entries = entries.as_array().unwrap().iter();
        entries
            .map(|entry| entry["message"].as_str().unwrap().to_owned())
            .collect()
    }

    #[track_caller]
    fn element(&self, selector: &str) -> String {
        let found = self.post(
            "/element",
            &json!({ "using": "css selector", "value": selector }),
        );
        let (_, id) = found.as_object().unwrap().iter().next().unwrap();
        id.as_str().unwrap().to_owned()
    }

    #[track_caller]
    fn post(&self, path: &str, body: &Value) -> Value {
        let answer = self.session.post(path, body);
        answer.unwrap_or_else(|error| panic!("{path}: {error}; {INSTALL}"))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.session.end();
        self.driver.kill().ok();
        self.driver.wait().ok();
    }
}

/// A port that is free, below those that the system gives out: one that the driver chooses by itself (`--port=0`) may be
/// free in IPv4 alone, where it wants both.
fn free_address() -> SocketAddr {
    let first = u16::try_from(std::process::id() % 1000).unwrap();
    let ports = (0..1000).map(|next| 18_000 + (first + next) % 1000);
    let mut addresses = ports.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let free = |address: &SocketAddr| TcpListener::bind(address).is_ok();
    addresses.find(free).expect("one is free")
}

static ALONE: Mutex<()> = Mutex::new(());

const INSTALL: &str = "Chromium starts; install it: apt-get install -y --no-install-recommends chromium chromium-driver";

/// For what a page has to come to; a script may take longer.
const UNTIL_MS: u64 = 90_000;
const PATIENCE: Patience = Patience {
    script: Duration::from_secs(100),
    command: Duration::from_secs(150),
};
