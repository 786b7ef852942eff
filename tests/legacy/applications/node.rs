//! Express with express-session and its own store: nobody locks, the last save of a session wins.
//!
//! Guarantees: the packages are those of `tests/legacy/applications/node/package-lock.json`.

use std::io;
use std::path::Path;

use super::npm::modules;
use super::{Application, Part, lower_case};
use crate::process::{Process, free_address};

/// Starts it.
///
/// # Errors
/// When Node or npm is not installed, the packages cannot be fetched, or it does not start.
pub(crate) fn start() -> io::Result<Application> {
    let site = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/legacy/applications/node");
    let (address, modules) = (free_address()?, modules(&site, "node")?);
    let mut node = Process::start("node", "nodejs", |command| {
        command
            .arg(site.join("server.js"))
            .env("NODE_PATH", modules)
            .env("NODE_ENV", "production")
            .env("PORT", address.port().to_string());
    })?;
    node.listens(address)?;
    Ok(Application {
        name: "express",
        address,
        yaml: YAML,
        spell: lower_case,
        parts: vec![Part::Process(node)],
    })
}

const YAML: &str = "session: { preset: express }
routes:
- { path: /read, access: read }
- { path: /none, access: none }
";
