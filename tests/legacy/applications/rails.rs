//! Debian's Rails in Puma: sessions in Rails' cache, which nobody locks, or whole in the cookie.
//!
//! Guarantees: a Rails application of one file, as `tests/legacy/applications/rails/config.ru` has it.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{Application, Part, lower_case};
use crate::process::{Process, directory, free_address, missing};

/// Where sessions are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sessions {
    /// `:cache_store`, in files: the cookie has an id.
    Cache,
    /// `:cookie_store`, which `rails new` sets up: encrypted, in the cookie.
    Cookie,
}

/// Starts it, with 16 threads.
///
/// # Errors
/// When a part is not installed or does not start.
pub(crate) fn start(sessions: Sessions) -> io::Result<Application> {
    let mut require = Command::new(RUBY);
    require.args(["-e", "require 'action_controller/railtie'"]);
    if !matches!(require.stderr(Stdio::null()).status(), Ok(status) if status.success()) {
        return Err(missing("Rails", "ruby-railties"));
    }
    let (address, files) = (free_address()?, directory()?);
    let site = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/legacy/applications/rails");
    let store = match sessions {
        Sessions::Cache => "cache",
        Sessions::Cookie => "cookie",
    };
    let mut puma = Process::start("puma", "puma", |command| {
        command
            .args(["--threads", "16:16", "--environment", "production"])
            .args(["--bind", &format!("tcp://{address}")])
            .arg(site.join("config.ru"))
            .current_dir(files.path())
            .env("SESSIONS", files.path().join("sessions"))
            .env("SESSION_STORE", store);
    })?
    .killed(); // it waits a while for connections that are idle
    puma.listens(address)?;
    Ok(Application {
        name: "rails",
        address,
        yaml: YAML,
        spell: lower_case,
        parts: vec![Part::Process(puma), Part::Directory(files)],
    })
}

/// Debian's own, which sees Debian's packages, whatever else is on the PATH.
const RUBY: &str = "/usr/bin/ruby";

/// No `read`: every page that looks at its session stores it.
const YAML: &str = "session: { preset: rails, cookie: _shop_session }
routes:
- { path: /none, access: none }
";
