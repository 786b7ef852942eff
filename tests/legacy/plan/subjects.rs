//! The applications, as they are started for the comparison.

use std::io;
use std::net::SocketAddr;

use crate::applications::{Application, Page, django, node, php};

/// ASP.NET with its sessions in the process.
pub(super) fn aspnet_in_process() -> io::Result<Application> {
    fake()
}
pub(super) fn aspnet_state_server() -> io::Result<Application> {
    fake()
}
pub(super) fn aspnet_counting() -> io::Result<Application> {
    fake()
}
pub(super) fn aspnet_redis() -> io::Result<Application> {
    fake()
}
pub(super) fn aspnet_timeout() -> io::Result<Application> {
    fake()
}

fn fake() -> io::Result<Application> {
    let address = std::env::var("FAKE").map_err(io::Error::other)?;
    let address: SocketAddr = address.parse().map_err(io::Error::other)?;
    Ok(Application {
        name: "fake",
        address,
        yaml: "session: { preset: aspnet }\nroutes: [{ path: /read, access: read }, { path: /none, access: none }]\n",
        parts: vec![],
        spell: |p| match p {
            Page::Write => "/write",
            Page::Read => "/read",
            Page::None => "/none",
            Page::Login => "/login",
            Page::Inner => "/inner",
            Page::Stats => "/stats",
            Page::Reset => "/reset",
        },
    })
}

/// PHP-FPM with 16 workers; its files handler locks the session's file for the whole page.
pub(super) fn php_files() -> io::Result<Application> {
    php::start(php::Sessions::Files, php::Options::default())
}

/// php-redis as it is by default: without a lock.
pub(super) fn php_redis() -> io::Result<Application> {
    php::start(php::Sessions::Redis, php::Options::default())
}

/// php-redis with `redis.session.locking_enabled`.
pub(super) fn php_redis_locking() -> io::Result<Application> {
    php::start(php::Sessions::LockedRedis, php::Options::default())
}

/// Django in gunicorn, 16 threads.
pub(super) fn django() -> io::Result<Application> {
    django::start()
}

/// Express with express-session.
pub(super) fn express() -> io::Result<Application> {
    node::start()
}
