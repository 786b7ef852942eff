//! The protocol of WebDriver (W3C), as far as it is needed to drive Chromium; the real applications' tests use it too.
//!
//! Guarantees: whatever the driver refuses, or does not answer, is an error. Does not do: start a driver; end a session by
//! itself, since that is no use when the driver has gone.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

/// A browser with one window, as its driver knows it.
#[derive(Debug)]
pub(crate) struct Session {
    agent: ureq::Agent,
    url: String,
}

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// A script in a page.
    pub(crate) script: Duration,
    /// Every command; longer than a script.
    pub(crate) command: Duration,
}

impl Session {
    /// Starts Chromium, which keeps its files in `profile`.
    ///
    /// # Errors
    /// When the driver does not answer, or Chromium does not start.
    pub(crate) fn start(
        driver: SocketAddr,
        profile: &Path,
        patience: Patience,
    ) -> io::Result<Self> {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(patience.command));
        let mut session = Self {
            agent: config.build().into(),
            url: format!("http://{driver}/session"),
        };
        let mut arguments: Vec<String> = ARGUMENTS.map(str::to_owned).into();
        arguments.push(format!("--user-data-dir={}", profile.display()));
        let script = u64::try_from(patience.script.as_millis()).map_err(io::Error::other)?;
        let started = session.post(
            "",
            &json!({"capabilities": {"alwaysMatch": {
                "goog:loggingPrefs": { "browser": "ALL" },
                "goog:chromeOptions": { "args": arguments },
                "timeouts": { "script": script },
            }}}),
        )?;
        let id = started["sessionId"]
            .as_str()
            .ok_or_else(|| refused(&started))?;
        session.url = format!("{}/{id}", session.url);
        Ok(session)
    }

    /// Sends a command: its value.
    ///
    /// # Errors
    /// When it is refused or not answered.
    pub(crate) fn post(&self, path: &str, body: &Value) -> io::Result<Value> {
        let mut response = self
            .agent
            .post(format!("{}{path}", self.url))
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

    /// Ends Chromium, which would outlive its driver.
    pub(crate) fn end(&self) {
        drop(self.agent.delete(&self.url).call());
    }
}

fn refused(answer: &Value) -> io::Error {
    io::Error::other(format!("the browser refused: {answer}"))
}

/// Nothing on a screen, nothing but the page.
const ARGUMENTS: [&str; 10] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1400,1000",
];
