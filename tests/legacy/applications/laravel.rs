//! Debian's Laravel in PHP-FPM behind nginx, with Laravel's own sessions in files: nobody locks, the last save wins.
//!
//! Guarantees: an application of a front controller, a kernel, routes and two files of settings, as `laravel new` makes
//! them; its session cookie is encrypted anew in each response, unless it is started otherwise.

use std::fs;
use std::io;
use std::path::Path;

use super::php::{installed, package, serve};
use super::{Application, Part, lower_case};
use crate::process::{directory, missing};

/// What the session's cookie holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cookie {
    /// The id, encrypted: another text in each response.
    Encrypted,
    /// The id itself, as when the application's `EncryptCookies` excepts the cookie.
    Plain,
}

/// Starts it, with 16 workers.
///
/// # Errors
/// When a part is not installed or does not start.
pub(crate) fn start(cookie: Cookie) -> io::Result<Application> {
    if !Path::new("/usr/share/php/Illuminate/Foundation/Application.php").is_file() {
        return Err(missing("Laravel", "php-laravel-framework"));
    }
    let (program, files) = (installed(&["apcu"])?, directory()?);
    for directory in ["framework/sessions", "logs"] {
        fs::create_dir_all(files.path().join(directory))?;
    }
    let (not_encrypted, yaml) = match cookie {
        Cookie::Encrypted => ("-", ENCRYPTED),
        Cookie::Plain => ("shop_session", PLAIN),
    };
    let settings = format!(
        "env[STORAGE] = {at}
env[APP_SERVICES_CACHE] = {at}/services.php
env[APP_PACKAGES_CACHE] = {at}/packages.php
env[APP_KEY] = 01234567890123456789012345678901
env[NOT_ENCRYPTED] = {not_encrypted}
",
        at = files.path().display()
    );
    let site = package().join("tests/legacy/applications/laravel");
    // As Laravel's documentation has it: every page is the front controller's.
    let root = format!(
        "root {}; rewrite ^/[a-z]+$ /index.php last;",
        site.display()
    );
    let (address, mut parts) = serve(&program, files.path(), 16, &settings, &root)?;
    parts.push(Part::Directory(files));
    Ok(Application {
        name: "laravel",
        address,
        yaml,
        spell: lower_case,
        parts,
    })
}

/// No `read`: every page with a session stores it.
const ENCRYPTED: &str = "session: { preset: laravel }
routes:
- { path: /none, access: none }
";
const PLAIN: &str = "session: { preset: laravel, cookie: shop_session }
routes:
- { path: /none, access: none }
";
