//! PHP-FPM behind nginx, with Debian's settings: sessions in files, or in Redis with and without a lock.
//!
//! Guarantees: the pages are plain PHP; what is set differs from Debian's only in where sessions are and in the number of
//! workers. Does not do: start without the extensions it needs; the error names their packages.

use std::fmt::Write;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Application, Page, Part};
use crate::process::{Process, directory, find, free_address, missing};

/// Where sessions are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sessions {
    /// In files: `flock` for the whole of a request.
    Files,
    /// In Redis, as php-redis comes: no lock.
    Redis,
    /// In Redis with `redis.session.locking_enabled`: 100 tries of 20 ms.
    LockedRedis,
}

/// Whether Onelane's own file for PHP is in front of every page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Companion {
    Absent,
    /// It believes who knows this.
    Secret(&'static str),
}

/// What may differ.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// Processes of PHP: so many requests at once.
    pub(crate) workers: usize,
    pub(crate) companion: Companion,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            workers: 16,
            companion: Companion::Absent,
        }
    }
}

/// Starts it.
///
/// # Errors
/// When a part is not installed or does not start.
pub(crate) fn start(sessions: Sessions, options: Options) -> io::Result<Application> {
    let program = installed(sessions)?;
    let (address, files) = (free_address()?, directory()?);
    let at = files.path();
    let mut parts = Vec::new();

    let fpm_socket = at.join("fpm.sock");
    let fpm_config = at.join("fpm.conf");
    fs::create_dir(at.join("sessions"))?;
    fs::write(&fpm_config, pool(at, sessions, options)?)?;
    let mut fpm = Process::start(&program, "php-fpm", |command| {
        command
            .args(["--nodaemonize", "--force-stderr", "--allow-to-run-as-root"])
            .arg("--fpm-config")
            .arg(&fpm_config);
    })?;

    let config = at.join("nginx.conf");
    let listen = address.to_string();
    fs::write(&config, nginx(at, &listen))?;
    let mut nginx = Process::start("nginx", "nginx-light", |command| {
        command.arg("-p").arg(at).arg("-e").arg("stderr");
        command.arg("-c").arg(&config);
    })?;

    fpm.listens_at(&fpm_socket)?;
    nginx.listens(address)?;
    parts.extend([Part::Process(nginx), Part::Process(fpm)]);
    if sessions != Sessions::Files {
        parts.push(Part::Process(redis(at)?));
    }
    parts.push(Part::Directory(files));
    Ok(Application {
        name: match sessions {
            Sessions::Files => "php-files",
            Sessions::Redis => "php-redis",
            Sessions::LockedRedis => "php-redis-locked",
        },
        address,
        yaml: YAML,
        spell,
        parts,
    })
}

fn spell(page: Page) -> &'static str {
    match page {
        Page::Write => "/write.php",
        Page::Read => "/read.php",
        Page::None => "/none.php",
        Page::Login => "/login.php",
        Page::Inner => "/inner.php",
        Page::Stats => "/stats.php",
        Page::Reset => "/reset.php",
    }
}

/// The name of PHP-FPM, which has its version in it, when the extensions are there too.
fn installed(sessions: Sessions) -> io::Result<String> {
    let versions = (0..10).rev().map(|minor| format!("php-fpm8.{minor}"));
    let program = versions
        .chain(["php-fpm".to_owned()])
        .find(|name| find(name).is_some())
        .ok_or_else(|| missing("php-fpm", "php-fpm"))?;
    let path = find(&program).unwrap_or_default();
    let modules = Command::new(path).arg("-m").output()?.stdout;
    let modules = String::from_utf8_lossy(&modules).into_owned();
    let needed: &[&str] = match sessions {
        Sessions::Files => &["apcu"],
        Sessions::Redis | Sessions::LockedRedis => &["apcu", "redis"],
    };
    let absent = |name: &&&str| !modules.lines().any(|line| line == **name);
    match needed.iter().find(absent) {
        Some(name) => Err(missing(&format!("PHP's {name}"), &format!("php-{name}"))),
        None => Ok(program),
    }
}

/// Redis on a Unix socket, without files.
fn redis(at: &Path) -> io::Result<Process> {
    let socket = at.join("redis.sock");
    let mut redis = Process::start("redis-server", "redis-server", |command| {
        command.args(["--port", "0", "--save", "", "--appendonly", "no"]);
        command.arg("--unixsocket").arg(&socket);
        command.arg("--dir").arg(at);
    })?;
    redis.listens_at(&socket)?;
    Ok(redis)
}

/// PHP-FPM's configuration. As root, its workers are root too: it has to be told so.
fn pool(at: &Path, sessions: Sessions, options: Options) -> io::Result<String> {
    let (user, group) = (who_am_i("-un")?, who_am_i("-gn")?);
    let (at, workers) = (at.display(), options.workers);
    let mut pool = format!(
        "[global]
pid = {at}/fpm.pid
error_log = {at}/fpm.log
[pages]
user = {user}
group = {group}
listen = {at}/fpm.sock
pm = static
pm.max_children = {workers}
catch_workers_output = yes
"
    );
    let settings = match sessions {
        Sessions::Files => format!("php_value[session.save_path] = {at}/sessions\n"),
        Sessions::Redis | Sessions::LockedRedis => format!(
            "php_value[session.save_handler] = redis
php_value[session.save_path] = unix://{at}/redis.sock
"
        ),
    };
    pool.push_str(&settings);
    if sessions == Sessions::LockedRedis {
        pool.push_str("php_value[redis.session.locking_enabled] = 1\n");
    }
    if let Companion::Secret(secret) = options.companion {
        let prepend = package().join("companion/php/onelane_prepend.php");
        let prepend = prepend.display();
        write!(
            pool,
            "php_value[auto_prepend_file] = {prepend}\nenv[ONELANE_APP_SECRET] = {secret}\n"
        )
        .map_err(io::Error::other)?;
    }
    Ok(pool)
}

fn nginx(at: &Path, listen: &str) -> String {
    let pages = package().join("tests/legacy/applications/php");
    let (at, pages) = (at.display(), pages.display());
    format!(
        "daemon off; master_process off; pid {at}/nginx.pid;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {at}/body; proxy_temp_path {at}/proxy; fastcgi_temp_path {at}/fastcgi;
  uwsgi_temp_path {at}/uwsgi; scgi_temp_path {at}/scgi;
  server {{
    listen {listen}; root {pages};
    location ~ ^/[a-z]+[.]php$ {{
      include /etc/nginx/fastcgi.conf; fastcgi_pass unix:{at}/fpm.sock; fastcgi_read_timeout 300s;
    }}
  }}
}}
"
    )
}

/// What `id` says.
fn who_am_i(option: &str) -> io::Result<String> {
    let said = Command::new("id").arg(option).output()?.stdout;
    Ok(String::from_utf8_lossy(&said).trim().to_owned())
}

fn package() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

const YAML: &str = "session: { preset: php }
routes:
- { path: /read.php, access: read }
- { path: /none.php, access: none }
";
