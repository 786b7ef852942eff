//! File descriptors: as many as the system lets this process have, and a word when they are too few.
//!
//! Guarantees: the soft limit becomes the hard one; clients cannot have so many that none are left for the application.
//! Nothing else of the process changes, and a limit that cannot be read or raised does not stop the start. Does not do:
//! count what is open; the acceptor lives with too few.

use crate::config::Startup;

/// Raises the limit to what is allowed, and warns when that cannot hold what `startup` allows; `limits.connections` is
/// lowered when even clients that only wait would have too many of them. The soft limit of most systems is 1,024, for
/// programs that use `select`; this one does not.
pub(super) fn raise(startup: &mut Startup) {
    let limit = match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(limit) => limit,
        Err(error) => {
            tracing::warn!(%error, "the limit of file descriptors could not be raised");
            return;
        }
    };
    let needed = needed(startup.edge.connections);
    if limit >= needed {
        return;
    }
    startup.edge.connections = startup.edge.connections.min(most(limit));
    tracing::warn!(
        limit,
        needed,
        connections = startup.edge.connections,
        "too few file descriptors for limits.connections, since each client may need two; no more than {} clients are \
         taken; raise the limit (ulimit -n; LimitNOFILE= of systemd; docker run --ulimit nofile={needed}), or lower \
         limits.connections",
        startup.edge.connections
    );
}

/// What full use takes: each client connection has one to the application, or a temporary file.
fn needed(connections: usize) -> u64 {
    u64::try_from(connections.saturating_mul(2))
        .map_or(u64::MAX, |both| both.saturating_add(RESERVE))
}

/// Connections that leave a quarter: of those who wait in lanes only one of each lane is in the application, but if it
/// cannot be reached nobody is served.
fn most(limit: u64) -> usize {
    usize::try_from(limit - limit / 4)
        .unwrap_or(usize::MAX)
        .max(1)
}

/// Listeners, the runtimes' own, the log, operators, certificates that are being read.
const RESERVE: u64 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_may_need_two() {
        assert_eq!(needed(100), 264);
        assert_eq!(needed(usize::MAX), u64::MAX);
    }

    #[test]
    fn clients_leave_a_quarter() {
        assert_eq!(most(1024), 768);
        assert_eq!(most(1), 1);
        assert_eq!(most(0), 1);
    }
}
