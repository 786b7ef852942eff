//! Chromium, to load a page and to run a script in it.
//!
//! Guarantees: the browser has an empty profile of its own, and ends with its value.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};

use crate::process::{Directory, Process, directory, find, free_address, missing};

#[path = "../../it/support/webdriver.rs"]
mod protocol;

use protocol::{Patience, Session};

/// A browser with one window.
#[derive(Debug)]
pub(crate) struct Browser {
    session: Session,
    _driver: Process,
    _profile: Directory,
}

impl Browser {
    /// Starts Chromium and what drives it, of Debian's packages.
    pub(crate) fn start() -> io::Result<Self> {
        find("chromium").ok_or_else(|| missing("chromium", "chromium"))?;
        let (address, profile) = (free_address()?, directory()?);
        let mut driver = Process::start("chromedriver", "chromium-driver", |command| {
            command.arg(format!("--port={}", address.port()));
        })?;
        driver.listens(address)?;
        Ok(Self {
            session: Session::start(address, profile.path(), PATIENCE)?,
            _driver: driver,
            _profile: profile,
        })
    }

    /// Loads a page, and waits until it is loaded.
    pub(crate) fn load(&self, address: SocketAddr, path: &str) -> io::Result<()> {
        let url = format!("http://{address}{path}");
        self.session.post("/url", &json!({ "url": url })).map(drop)
    }

    /// Runs a script, whose last argument is the function that takes its value.
    pub(crate) fn run(&self, script: &str, arguments: &Value) -> io::Result<Value> {
        self.session.post(
            "/execute/async",
            &json!({ "script": script, "args": arguments }),
        )
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.session.end();
    }
}

const PATIENCE: Patience = Patience {
    script: Duration::from_secs(110),
    command: Duration::from_secs(120),
};
