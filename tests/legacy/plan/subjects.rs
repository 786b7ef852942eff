//! The applications, as they are started for the comparison.

use std::io;
use std::time::Duration;

use crate::applications::aspnet::{self, Options};
use crate::applications::{Application, django, node, php};

/// An application with its kind of sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    AspnetInProc,
    AspnetStateServer,
    /// With a provider that counts its calls, in memory.
    AspnetCounting,
    /// The same, on Redis.
    AspnetRedis,
    /// Ends a request after 5 s.
    AspnetFiveSeconds,
    /// The files handler locks the session's file for the whole page.
    PhpFiles,
    /// php-redis as it comes: without a lock.
    PhpRedis,
    /// php-redis with `redis.session.locking_enabled`.
    PhpRedisLocking,
    Django,
    Express,
}

impl Subject {
    /// Starts it.
    ///
    /// # Errors
    /// When it is not installed, with the command that installs it.
    pub(super) fn start(self) -> io::Result<Application> {
        match self {
            Self::AspnetInProc => aspnet::start(aspnet::Sessions::InProc, &Options::default()),
            Self::AspnetStateServer => {
                aspnet::start(aspnet::Sessions::StateServer, &Options::default())
            }
            Self::AspnetCounting => aspnet::start(aspnet::Sessions::Counting, &Options::default()),
            Self::AspnetRedis => aspnet::start(aspnet::Sessions::Redis, &Options::default()),
            Self::AspnetFiveSeconds => {
                let options = Options {
                    execution_timeout: Duration::from_secs(5),
                    ..Options::default()
                };
                aspnet::start(aspnet::Sessions::InProc, &options)
            }
            Self::PhpFiles => php::start(php::Sessions::Files, php::Options::default()),
            Self::PhpRedis => php::start(php::Sessions::Redis, php::Options::default()),
            Self::PhpRedisLocking => {
                php::start(php::Sessions::LockedRedis, php::Options::default())
            }
            Self::Django => django::start(),
            Self::Express => node::start(),
        }
    }
}
