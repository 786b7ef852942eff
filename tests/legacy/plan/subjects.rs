//! The applications, as they are started for the comparison.

use std::io;
use std::time::Duration;

use crate::applications::aspnet::{self, Options, Sessions};
use crate::applications::{Application, django, node, php};

/// ASP.NET with its sessions in the process.
pub(super) fn aspnet_in_process() -> io::Result<Application> {
    aspnet::start(Sessions::InProc, &Options::default())
}

/// ASP.NET with its sessions in the state server.
pub(super) fn aspnet_state_server() -> io::Result<Application> {
    aspnet::start(Sessions::StateServer, &Options::default())
}

/// ASP.NET with a provider that counts its calls, in memory.
pub(super) fn aspnet_counting() -> io::Result<Application> {
    aspnet::start(Sessions::Counting, &Options::default())
}

/// The same, on Redis.
pub(super) fn aspnet_redis() -> io::Result<Application> {
    aspnet::start(Sessions::Redis, &Options::default())
}

/// ASP.NET that ends a request after 5 s, and breaks a lock of that age.
pub(super) fn aspnet_timeout() -> io::Result<Application> {
    let options = Options {
        execution_timeout: Duration::from_secs(5),
        ..Options::default()
    };
    aspnet::start(Sessions::InProc, &options)
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
