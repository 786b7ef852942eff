//! File descriptors: as many as the system lets this process have, and a word when they are too few.
//!
//! Guarantees: the soft limit becomes the hard one; nothing else of the process changes, and a limit that cannot be read
//! or raised does not stop the start. Does not do: count what is open; who accepts connections lives with too few.

use crate::config::Startup;

/// Raises the limit to what is allowed, and warns when that cannot hold what `startup` allows. The soft limit of most
/// systems is 1,024, for programs that use `select`; this one does not.
pub(super) fn raise(startup: &Startup) {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(limit) => {
            let needed = needed(startup);
            if limit < needed {
                tracing::warn!(
                    limit,
                    needed,
                    "too few file descriptors for limits.connections: more clients will have to wait until others have \
                     left; raise the limit (ulimit -n; LimitNOFILE= of systemd; docker run --ulimit nofile={needed}), \
                     or lower limits.connections"
                );
            }
        }
        Err(error) => tracing::warn!(%error, "the limit of file descriptors could not be raised"),
    }
}

/// What full use takes: each client connection has one to the application, or a temporary file.
fn needed(startup: &Startup) -> u64 {
    let clients = startup.edge.connections;
    u64::try_from(clients.saturating_mul(2)).map_or(u64::MAX, |both| both.saturating_add(RESERVE))
}

/// Listeners, the runtimes' own, the log, operators, certificates that are being read.
const RESERVE: u64 = 64;

#[cfg(test)]
mod tests {
    use crate::config::Config;

    use super::*;

    #[test]
    fn each_client_needs_two() {
        let startup = |yaml| Config::parse(yaml, &|_| None).unwrap().startup;
        assert_eq!(needed(&startup("limits: { connections: 100 }")), 264);
        assert_eq!(needed(&startup("")), 40_064);
    }
}
