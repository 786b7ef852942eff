//! Django in gunicorn, with Django's file sessions: nobody locks, the last save of a session wins.
//!
//! Guarantees: a site of one file, as `tests/legacy/applications/django/pages.py` has it.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{Application, Part, lower_case};
use crate::process::{Process, directory, free_address, missing};

/// Starts it, with 16 threads.
///
/// # Errors
/// When a part is not installed or does not start.
pub(crate) fn start() -> io::Result<Application> {
    let mut import = Command::new(PYTHON);
    import.args(["-c", "import django, gunicorn"]);
    if !import.stderr(Stdio::null()).status()?.success() {
        return Err(missing("Django or gunicorn", "python3-django gunicorn"));
    }
    let (address, files) = (free_address()?, directory()?);
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/legacy/applications/django");
    let mut gunicorn = Process::start(PYTHON, "python3", |command| {
        command
            .args([
                "-m",
                "gunicorn",
                "--worker-class",
                "gthread",
                "--threads",
                "16",
            ])
            .args(["--keep-alive", "5"]) // longer than Onelane keeps connections; its own 2 seconds are shorter
            .args(["--bind", &address.to_string()])
            .arg("--chdir")
            .arg(pages)
            .arg("pages:application")
            .env("SESSIONS", files.path())
            .env("PYTHONDONTWRITEBYTECODE", "1");
    })?;
    gunicorn.listens(address)?;
    Ok(Application {
        name: "django",
        address,
        yaml: YAML,
        spell: lower_case,
        parts: vec![Part::Process(gunicorn), Part::Directory(files)],
    })
}

/// Debian's own, which sees Debian's packages, whatever else is on the PATH.
const PYTHON: &str = "/usr/bin/python3";

const YAML: &str = "session: { preset: django }
routes:
- { path: /read, access: read }
- { path: /none, access: none }
";
