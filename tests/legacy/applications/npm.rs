//! What applications have from npm.
//!
//! Guarantees: the packages are those of a lock file with their hashes, and none of their own scripts is run. They are
//! fetched once, into Cargo's directory for temporary files; another lock file is another directory.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::process::{find, missing};

/// The `node_modules` of a site's `package-lock.json`, after fetching them if nobody has; `name` is that of the directory.
///
/// # Errors
/// When npm is not installed, or the packages cannot be fetched.
pub(crate) fn modules(site: &Path, name: &str) -> io::Result<PathBuf> {
    let lock = fs::read(site.join("package-lock.json"))?;
    let kept = kept(name, &[&lock], |into| fetch(site, into))?;
    Ok(kept.join("node_modules"))
}

/// The directory of what `make` makes of these texts, after making it if nobody has.
///
/// # Errors
/// Those of `make`, after which there is no directory.
pub(crate) fn kept(
    name: &str,
    texts: &[&[u8]],
    make: impl FnOnce(&Path) -> io::Result<()>,
) -> io::Result<PathBuf> {
    let mut hash = blake3::Hasher::new();
    for text in texts {
        hash.update(blake3::hash(text).as_bytes());
    }
    let files = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let kept = files.join(format!("{name}-{}", &hash.finalize().to_hex()[..16]));
    let turn = File::create(files.join(format!("{name}.lock")))?;
    turn.lock()?; // tests at the same time make it once
    if !kept.is_dir() {
        let made = tempfile::tempdir_in(files)?;
        make(made.path())?;
        fs::rename(made.path(), &kept)?;
    }
    Ok(kept)
}

fn fetch(site: &Path, into: &Path) -> io::Result<()> {
    for file in ["package.json", "package-lock.json"] {
        fs::copy(site.join(file), into.join(file))?;
    }
    let npm = find("npm").ok_or_else(|| missing("npm", "npm"))?;
    let fetched = Command::new(npm)
        .args(FETCH)
        .current_dir(into)
        .stdin(Stdio::null())
        .output()?;
    if fetched.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&fetched.stderr);
    Err(io::Error::other(format!(
        "npm {} does not fetch {}:\n{said}",
        FETCH.join(" "),
        site.join("package-lock.json").display(),
    )))
}

const FETCH: [&str; 4] = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
