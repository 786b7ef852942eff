//! PHP-FPM behind nginx, with Debian's settings: sessions in files, or in Redis with and without a lock.
//!
//! Guarantees: the pages are plain PHP; what is set differs from Debian's only in where sessions are and in the number of
//! workers. Does not do: start without the extensions it needs; the error names their packages.

use std::fmt::Write;
use std::fs;
use std::io;
use std::net::SocketAddr;
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
    /// In Redis with `redis.session.locking_enabled`: 10 tries of 2 ms in php-redis 5, 100 of 20 ms in 6.
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
    let needed: &[&str] = match sessions {
        Sessions::Files => &["apcu"],
        Sessions::Redis | Sessions::LockedRedis => &["apcu", "redis"],
    };
    let (program, files) = (installed(needed)?, directory()?);
    let at = files.path();
    fs::create_dir(at.join("sessions"))?;
    let settings = settings(at, sessions, options.companion)?;
    let pages = package().join("tests/legacy/applications/php");
    let root = format!("root {};", pages.display());
    let (address, mut parts) = serve(&program, at, options.workers, &settings, &root)?;
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

/// Starts PHP-FPM, and nginx in front of it: where they listen and what they are. `settings` are of FPM's pool, `root` is
/// nginx's line that says where the pages are, and which.
pub(super) fn serve(
    fpm: &str,
    at: &Path,
    workers: usize,
    settings: &str,
    root: &str,
) -> io::Result<(SocketAddr, Vec<Part>)> {
    let address = free_address()?;
    let fpm_socket = at.join("fpm.sock");
    let fpm_config = at.join("fpm.conf");
    fs::write(&fpm_config, pool(at, workers)? + settings)?;
    let mut fpm = Process::start(fpm, "php-fpm", |command| {
        command
            .args(["--nodaemonize", "--force-stderr", "--allow-to-run-as-root"])
            .arg("--fpm-config")
            .arg(&fpm_config);
    })?;

    let config = at.join("nginx.conf");
    fs::write(&config, nginx(at, address, root))?;
    let mut nginx = Process::start("nginx", "nginx-light", |command| {
        command.arg("-p").arg(at).arg("-e").arg("stderr");
        command.arg("-c").arg(&config);
    })?;

    fpm.listens_at(&fpm_socket)?;
    nginx.listens(address)?;
    Ok((address, vec![Part::Process(nginx), Part::Process(fpm)]))
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
pub(super) fn installed(extensions: &[&str]) -> io::Result<String> {
    let versions = (0..10).rev().map(|minor| format!("php-fpm8.{minor}"));
    let program = versions
        .chain(["php-fpm".to_owned()])
        .find(|name| find(name).is_some())
        .ok_or_else(|| missing("php-fpm", "php-fpm"))?;
    let path = find(&program).unwrap_or_default();
    let modules = Command::new(path).arg("-m").output()?.stdout;
    let modules = String::from_utf8_lossy(&modules).into_owned();
    let absent = |name: &&&str| !modules.lines().any(|line| line == **name);
    match extensions.iter().find(absent) {
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
fn pool(at: &Path, workers: usize) -> io::Result<String> {
    let (user, group) = (who_am_i("-un")?, who_am_i("-gn")?);
    let at = at.display();
    Ok(format!(
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
    ))
}

/// What the pool is told of sessions and of Onelane's own file.
fn settings(at: &Path, sessions: Sessions, companion: Companion) -> io::Result<String> {
    let at = at.display();
    let mut settings = match sessions {
        Sessions::Files => format!("php_value[session.save_path] = {at}/sessions\n"),
        Sessions::Redis | Sessions::LockedRedis => format!(
            "php_value[session.save_handler] = redis
php_value[session.save_path] = unix://{at}/redis.sock
"
        ),
    };
    if sessions == Sessions::LockedRedis {
        settings.push_str("php_value[redis.session.locking_enabled] = 1\n");
    }
    if let Companion::Secret(secret) = companion {
        let prepend = package().join("companion/php/onelane_prepend.php");
        let prepend = prepend.display();
        write!(
            settings,
            "php_admin_value[auto_prepend_file] = {prepend}\nenv[ONELANE_APP_SECRET] = {secret}\n"
        )
        .map_err(io::Error::other)?;
    }
    Ok(settings)
}

fn nginx(at: &Path, listen: SocketAddr, root: &str) -> String {
    let at = at.display();
    format!(
        "daemon off; master_process off; pid {at}/nginx.pid;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {at}/body; proxy_temp_path {at}/proxy; fastcgi_temp_path {at}/fastcgi;
  uwsgi_temp_path {at}/uwsgi; scgi_temp_path {at}/scgi;
  server {{
    listen {listen}; {root}
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

pub(super) fn package() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

const YAML: &str = "session: { preset: php }
routes:
- { path: /read.php, access: read }
- { path: /none.php, access: none }
";
