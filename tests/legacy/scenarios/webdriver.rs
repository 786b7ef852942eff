//! The little of WebDriver (W3C) that is needed to load a page in Chromium and to run a script in it.
//!
//! Guarantees: the browser has an empty profile of its own, and ends with its value.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};

use crate::process::{Directory, Process, directory, find, free_address, missing};

/// A browser with one window.
#[derive(Debug)]
pub(crate) struct Browser {
    agent: ureq::Agent,
    session: String,
    _driver: Process,
    _profile: Directory,
}

impl Browser {
    /// Starts Chromium and what drives it, of Debian's packages.
    pub(crate) fn start() -> io::Result<Self> {
        let chromium = find("chromium").ok_or_else(|| missing("chromium", "chromium"))?;
        let (address, profile) = (free_address()?, directory()?);
        let mut driver = Process::start("chromedriver", "chromium-driver", |command| {
            command.arg(format!("--port={}", address.port()));
        })?;
        driver.listens(address)?;
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE));
        let mut browser = Self {
            agent: config.build().into(),
            session: format!("http://{address}/session"),
            _driver: driver,
            _profile: profile,
        };
        let mut arguments: Vec<String> = ARGUMENTS.map(str::to_owned).into();
        let profile = browser._profile.path().display();
        arguments.push(format!("--user-data-dir={profile}"));
        let answer = browser.post(
            "",
            &json!({"capabilities": {"alwaysMatch": {
                "goog:chromeOptions": {"binary": chromium, "args": arguments},
                "timeouts": {"script": SCRIPT_MS},
            }}}),
        )?;
        let id = answer["sessionId"]
            .as_str()
            .ok_or_else(|| refused(&answer))?;
        browser.session = format!("{}/{id}", browser.session);
        Ok(browser)
    }

    /// Loads a page, and waits until it is loaded.
    pub(crate) fn load(&self, address: SocketAddr, path: &str) -> io::Result<()> {
        let url = format!("http://{address}{path}");
        self.post("/url", &json!({ "url": url })).map(drop)
    }

    /// Runs a script, whose last argument is the function that takes its value.
    pub(crate) fn run(&self, script: &str, arguments: &Value) -> io::Result<Value> {
        self.post(
            "/execute/async",
            &json!({ "script": script, "args": arguments }),
        )
    }

    fn post(&self, path: &str, body: &Value) -> io::Result<Value> {
        let mut response = self
            .agent
            .post(format!("{}{path}", self.session))
            .header("content-type", "application/json")
            .send(body.to_string())
            .map_err(io::Error::other)?;
        let text = response
            .body_mut()
            .read_to_string()
            .map_err(io::Error::other)?;
        let mut answer: Value = serde_json::from_str(&text).map_err(io::Error::other)?;
        match response.status().is_success() {
            true => Ok(answer["value"].take()),
            false => Err(refused(&answer)),
        }
    }
}

impl Drop for Browser {
    /// Otherwise Chromium would outlive its driver.
    fn drop(&mut self) {
        drop(self.agent.delete(&self.session).call());
    }
}

fn refused(answer: &Value) -> io::Error {
    io::Error::other(format!("the browser refused: {answer}"))
}

/// For a script in a page.
const SCRIPT_MS: u64 = 110_000;
/// For every command.
const PATIENCE: Duration = Duration::from_secs(120);
/// Nothing on a screen, nothing but the page.
const ARGUMENTS: [&str; 8] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];
