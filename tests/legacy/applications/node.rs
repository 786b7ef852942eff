//! Express with express-session and its own store: nobody locks, the last save of a session wins.
//!
//! Guarantees: the packages are those of `tests/legacy/applications/node/package-lock.json`. npm fetches them once, into
//! Cargo's directory for temporary files; another lock file is another directory.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Application, Part, lower_case};
use crate::process::{Process, find, free_address, missing};

/// Starts it.
///
/// # Errors
/// When Node or npm is not installed, the packages cannot be fetched, or it does not start.
pub(crate) fn start() -> io::Result<Application> {
    let site = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/legacy/applications/node");
    let (address, modules) = (free_address()?, modules(&site)?);
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

/// Where the packages are, after fetching them if nobody has.
fn modules(site: &Path) -> io::Result<PathBuf> {
    let lock = fs::read(site.join("package-lock.json"))?;
    let name = format!("node-{}", &blake3::hash(&lock).to_hex()[..16]);
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if !kept.is_dir() {
        let fetched = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        fetch(site, fetched.path())?;
        if let Err(error) = fs::rename(fetched.path(), &kept)
            && !kept.is_dir()
        {
            return Err(error); // and otherwise another test was faster
        }
    }
    Ok(kept.join("node_modules"))
}

fn fetch(site: &Path, into: &Path) -> io::Result<()> {
    for file in ["package.json", "package-lock.json"] {
        fs::copy(site.join(file), into.join(file))?;
    }
    let npm = find("npm").ok_or_else(|| missing("npm", "npm"))?;
    let fetched = Command::new(npm)
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(into)
        .stdin(Stdio::null())
        .output()?;
    if fetched.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&fetched.stderr).into_owned();
    Err(io::Error::other(format!("npm ci failed:\n{said}")))
}

const YAML: &str = "session: { preset: express }
routes:
- { path: /read, access: read }
- { path: /none, access: none }
";
