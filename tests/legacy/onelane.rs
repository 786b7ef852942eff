//! Onelane in front of an application, as its users run it: a file, a process, a port.
//!
//! Guarantees: it listens when its value is given out, and is ended when that is dropped.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::http::Client;
use crate::process::{Directory, Process, directory, free_address};

/// A running Onelane.
#[derive(Debug)]
pub(crate) struct Onelane {
    _process: Process,
    address: SocketAddr,
    admin: SocketAddr,
    files: Directory,
}

impl Onelane {
    /// Starts it in front of `application`; `more` is YAML after listener, upstream, admin listener and log.
    pub(crate) fn start(application: SocketAddr, more: &str) -> io::Result<Self> {
        Self::start_with(&format!("upstream: http://{application}\n{more}"))
    }

    /// As [`Onelane::start`], with an upstream of one's own, or several.
    pub(crate) fn start_with(more: &str) -> io::Result<Self> {
        let yaml = "listen: LISTEN\nadmin: { listen: ADMIN }\nlog: { access: false }\n";
        Self::start_as_written(&format!("{yaml}{more}"))
    }

    /// Starts it with this YAML alone, in which `LISTEN` and `ADMIN` become free addresses.
    pub(crate) fn start_as_written(yaml: &str) -> io::Result<Self> {
        let (address, admin, files) = (free_address()?, free_address()?, directory()?);
        let config = files.path().join("onelane.yaml");
        let yaml = yaml
            .replace("LISTEN", &address.to_string())
            .replace("ADMIN", &admin.to_string());
        fs::write(&config, yaml)?;
        let mut process = Process::start(env!("CARGO_BIN_EXE_onelane"), "onelane", |command| {
            command.args(["run", "-c"]).arg(&config);
        })?;
        process.listens(address)?;
        Ok(Self {
            _process: process,
            address,
            admin,
            files,
        })
    }

    /// Where clients connect.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where operators ask.
    pub(crate) fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// Its configuration file.
    pub(crate) fn config(&self) -> PathBuf {
        self.files.path().join("onelane.yaml")
    }

    /// The sum of a metric over its labels, of those whose text contains `label`; 0 when it is not there.
    pub(crate) fn metric(&self, name: &str, label: &str) -> io::Result<f64> {
        let text = Client::new(self.admin).get("/metrics")?.body;
        Ok(text
            .lines()
            .filter(|line| {
                line.strip_prefix(name)
                    .is_some_and(|rest| rest.starts_with([' ', '{']) && rest.contains(label))
            })
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum())
    }
}
