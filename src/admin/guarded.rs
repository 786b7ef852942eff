//! The token, and who guesses at it.
//!
//! Guarantees: a token is compared in constant time; of one network so many wrong ones are compared as [`AT_ONCE`] and
//! [`EACH`] say, and then none, a right one neither, since who is told "right" needs no other answer to go on guessing;
//! those of other networks are compared meanwhile. Each is counted, and said at most once a minute. Memory is bounded
//! whoever guesses.
//! Does not do: say who needs a token; `door` does.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::client::{ClientNetwork, Ipv6Prefix, PeerAddr};
use crate::config::Token;
use crate::gateway::Seldom;
use crate::metrics::{self, TokenRefusal};
use crate::throttle::{Action, Exceeded, Limits, Mode, Rate, Routes, Rule};

/// A token that cannot be guessed at without end.
#[derive(Debug)]
pub(super) struct Guarded {
    token: Token,
    /// Measures wrong tokens alone.
    guesses: Rule,
    counts: Arc<metrics::Core>,
    untold: Mutex<Untold>,
}

/// What became of a token that was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// It is the token.
    Right,
    /// It is not.
    Wrong,
    /// It was not looked at: too many of its network were wrong.
    Ignored {
        /// After so long the next one is looked at.
        retry_after: Duration,
    },
}

/// What the log has not been told.
#[derive(Debug, Default)]
struct Untold {
    warning: Seldom,
    refused: u64,
}

impl Guarded {
    /// Nobody has guessed yet. Refusals are counted in `counts`.
    pub(super) fn new(token: Token, counts: Arc<metrics::Core>) -> Self {
        let rate = Rate::new(EACH.0, EACH.1, AT_ONCE).expect("it is slow, and full within minutes");
        let limits = Limits {
            rate: Some(rate),
            ..Limits::default()
        };
        let name = Arc::from("admin.token");
        Self {
            token,
            guesses: Rule::new(
                name,
                limits,
                Routes::All,
                Action::TooManyRequests,
                Mode::Enforce,
            ),
            counts,
            untold: Mutex::default(),
        }
    }

    /// Looks at what `asker` shows.
    pub(super) fn look(&self, shown: &[u8], asker: SocketAddr, now: Instant) -> Shown {
        let network = network(asker);
        if let Some(Exceeded::Rate { retry_after }) = self.guesses.would_exceed(network, now) {
            self.refused(TokenRefusal::Limited, asker, now);
            return Shown::Ignored { retry_after };
        }
        // Of hashes, whose comparison takes the same time wherever they differ, and whatever the lengths are.
        if blake3::hash(shown) == blake3::hash(self.token.expose().as_bytes()) {
            return Shown::Right;
        }
        drop(self.guesses.arrive(network, now)); // within the rate, as was just seen
        self.refused(TokenRefusal::Wrong, asker, now);
        Shown::Wrong
    }

    /// Forgets who has not guessed for long. To be called now and then.
    pub(super) fn sweep(&self, now: Instant) {
        self.guesses.sweep(now);
    }

    fn refused(&self, why: TokenRefusal, asker: SocketAddr, now: Instant) {
        self.counts.token_refused(why);
        let mut untold = self.untold.lock().unwrap_or_else(PoisonError::into_inner);
        untold.refused += 1;
        if untold.warning.may(now) {
            let refused = std::mem::take(&mut untold.refused);
            tracing::warn!(
                operator = %asker,
                refused,
                "wrong tokens are shown to the admin listener; the last one came from {}",
                asker.ip().to_canonical()
            );
        }
    }
}

/// What `asker` is counted as. The addresses of this machine are one: who is on it has sixteen million of them.
fn network(asker: SocketAddr) -> ClientNetwork {
    let canonical = asker.ip().to_canonical();
    let asker = if canonical.is_loopback() {
        SocketAddr::from(([127, 0, 0, 1], asker.port()))
    } else {
        asker
    };
    let prefix = Ipv6Prefix::new(64).expect("an address has more bits");
    PeerAddr::new(asker).client().network(prefix)
}

/// Wrong tokens of one network that are compared each minute. A scraper that still shows the last token stays below it
/// and is told that the token is wrong; sixteen characters, the shortest token, outlast any guessing at this pace.
const EACH: (NonZeroU32, Duration) = (
    NonZeroU32::new(10).expect("it is 10"),
    Duration::from_secs(60),
);

/// And at once: a script with an old token, run again.
const AT_ONCE: NonZeroU32 = NonZeroU32::new(20).expect("it is 20");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::metrics::{Gauges, Labels, Metrics};

    const TOKEN: &str = "0123456789abcdef";

    struct Site {
        guarded: Guarded,
        metrics: Metrics,
        start: Instant,
    }

    impl Site {
        fn new() -> Self {
            let yaml = format!("admin: {{ token: {TOKEN} }}");
            let config = Config::parse(&yaml, &|_| None).unwrap();
            let metrics = Metrics::new(1, Labels::default());
            Self {
                guarded: Guarded::new(config.startup.admin.token.unwrap(), metrics.core(0)),
                metrics,
                start: Instant::now(),
            }
        }

        fn look(&self, shown: &str, asker: &str, second: u64) -> Shown {
            let asker = SocketAddr::new(asker.parse().unwrap(), 50_000);
            let now = self.start + Duration::from_secs(second);
            self.guarded.look(shown.as_bytes(), asker, now)
        }

        /// How many of `tries` wrong tokens were compared, of all seconds below `until`.
        fn compared(&self, tries: u64, until: u64, asker: impl Fn(u64) -> String) -> u64 {
            let tries = (0..tries).map(|at| self.look("guess", &asker(at), at * until / tries));
            tries.filter(|shown| *shown == Shown::Wrong).count() as u64
        }
    }

    fn ignored(shown: Shown) -> bool {
        matches!(shown, Shown::Ignored { .. })
    }

    #[test]
    fn guesses_without_end_are_compared_ten_times_a_minute() {
        let site = Site::new();
        let compared = site.compared(60_000, 600, |_| "192.0.2.1".to_owned());
        assert!((115..=121).contains(&compared), "{compared}");
        // The control: who is one of many guesses as often as he has networks.
        let site = Site::new();
        let compared = site.compared(1_000, 600, |at| format!("192.0.{}.{}", at / 250, at % 250));
        assert_eq!(compared, 1_000);
    }

    #[test]
    fn a_right_token_is_ignored_where_wrong_ones_came_from_and_taken_elsewhere() {
        let site = Site::new();
        for _ in 0..20 {
            assert_eq!(site.look("wrong", "192.0.2.1", 0), Shown::Wrong);
        }
        let retry_after = Duration::from_secs(6);
        let shown = site.look(TOKEN, "192.0.2.1", 0);
        assert_eq!(shown, Shown::Ignored { retry_after });
        assert_eq!(site.look(TOKEN, "192.0.2.2", 0), Shown::Right);
        assert_eq!(site.look(TOKEN, "192.0.2.1", 6), Shown::Right, "and later");
    }

    #[test]
    fn a_right_token_is_never_limited_and_uses_nothing_up() {
        let site = Site::new();
        for _ in 0..1_000 {
            assert_eq!(site.look(TOKEN, "192.0.2.1", 0), Shown::Right);
        }
        for _ in 0..20 {
            assert_eq!(site.look("wrong", "192.0.2.1", 0), Shown::Wrong);
        }
        assert!(ignored(site.look("wrong", "192.0.2.1", 0)));
    }

    #[test]
    fn one_guesser_is_one_whatever_addresses_it_has() {
        for own in [
            (|at| format!("2001:db8::{at:x}")) as fn(u64) -> String,
            |at| format!("127.0.{at}.1"),
            |at| {
                if at % 2 == 0 {
                    "::1"
                } else {
                    "::ffff:127.0.0.9"
                }
                .to_owned()
            },
        ] {
            let site = Site::new();
            assert_eq!(site.compared(100, 1, own), 20, "{}", own(1));
        }
    }

    #[test]
    fn guesses_are_counted_and_guessers_forgotten() {
        let site = Site::new();
        for _ in 0..25 {
            site.look("wrong", "192.0.2.1", 0);
        }
        let text = site.metrics.encode(Gauges::default());
        for line in [
            "onelane_admin_tokens_refused_total{result=\"limited\"} 5\n",
            "onelane_admin_tokens_refused_total{result=\"wrong\"} 20\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
        let networks = |second| {
            site.guarded.sweep(site.start + Duration::from_secs(second));
            site.guarded.guesses.clients()
        };
        assert_eq!((networks(119), networks(121)), (1, 0));
    }
}
