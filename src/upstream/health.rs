//! Health checks: one task for each node that has them asks it now and then whether it is well.
//!
//! Guarantees: a check takes no longer than its `timeout`, and no place of `max_connections`; a node changes its standing
//! only after so many checks in a row that contradict it, so that one lost answer moves nobody's session.
//! Does not do: decide what follows from it (`choice`); read the answer's body.

use std::fmt;
use std::future::Future;
use std::num::NonZeroU32;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{join_all, select};
use http::header::{CONNECTION, HOST, HeaderValue, USER_AGENT};
use http::uri::PathAndQuery;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::Empty;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::choice::Standing;
use super::connect;
use super::connection::{Connection, Sent};
use super::nodes::{Node, Nodes};
use super::settings::Target;

/// How a node is asked whether it is well (`health:` in the configuration).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// What is asked for, by GET; 2xx and 3xx count as well.
    pub path: PathAndQuery,
    /// With this Host; with the node's own when there is none.
    pub host: Option<HeaderValue>,
    /// From one check to the next.
    pub interval: Duration,
    /// For a whole check: connection, request and the answer's head.
    pub timeout: Duration,
    /// So many checks in a row fail before the node is down.
    pub unhealthy_after: NonZeroU32,
    /// So many in a row succeed before it is up again.
    pub healthy_after: NonZeroU32,
}

/// How one check ended.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    Ill(Complaint),
    Well,
}

/// Why a check failed; for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Complaint {
    #[error("it answers {0}")]
    Status(StatusCode),
    #[error("it does not answer within the timeout")]
    TimedOut,
    #[error("{0}")]
    Unreachable(String),
}

/// What the checks say so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Record {
    standing: Standing,
    /// So many checks in a row have contradicted it.
    against: u32,
}

impl Default for Record {
    /// A node is up until checks say otherwise: a restart of Onelane must not be an outage.
    fn default() -> Self {
        Self {
            standing: Standing::Up,
            against: 0,
        }
    }
}

impl Record {
    /// After one more check.
    fn after(self, verdict: &Verdict, health: &Health) -> Self {
        let (says, enough) = match verdict {
            Verdict::Ill(_) => (Standing::Down, health.unhealthy_after),
            Verdict::Well => (Standing::Up, health.healthy_after),
        };
        let against = if says == self.standing {
            0
        } else {
            self.against + 1
        };
        if against >= enough.get() {
            Self {
                standing: says,
                against: 0,
            }
        } else {
            Self { against, ..self }
        }
    }
}

/// Checks all nodes that have checks, until `end`; to be polled by one task of the process.
pub async fn check(nodes: &Nodes, end: impl Future<Output = ()>) {
    let checks = join_all(nodes.iter().enumerate().filter_map(|(number, node)| {
        let health = node.settings().health.as_ref()?;
        Some(check_one(nodes, number, node, health))
    }));
    select(pin!(checks), pin!(end)).await;
}

async fn check_one(nodes: &Nodes, number: usize, node: &Node, health: &Health) {
    let mut record = Record::default();
    let mut ticks = interval(health.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let verdict = match timeout(health.timeout, ask(node.target(), health)).await {
            Ok(Ok((status, headers))) if status.is_success() || status.is_redirection() => {
                nodes.learn(number, &headers);
                Verdict::Well
            }
            Ok(Ok((status, _))) => Verdict::Ill(Complaint::Status(status)),
            Ok(Err(complaint)) => Verdict::Ill(complaint),
            Err(_) => Verdict::Ill(Complaint::TimedOut),
        };
        let before = record.standing;
        record = record.after(&verdict, health);
        if verdict == Verdict::Well {
            node.recovered(); // who answers a check accepts connections
        }
        if record.standing != before {
            say(node, &verdict, health);
            node.checked(record.standing);
        }
    }
}

fn say(node: &Node, verdict: &Verdict, health: &Health) {
    let upstream = node.name();
    match verdict {
        Verdict::Ill(complaint) => tracing::warn!(
            upstream,
            "a node of the application is down after {} failed health checks: {complaint}",
            health.unhealthy_after
        ),
        Verdict::Well => tracing::info!(upstream, "a node of the application is up again"),
    }
}

/// One check: the status of the answer, and its header.
async fn ask(target: &Target, health: &Health) -> Result<(StatusCode, HeaderMap), Complaint> {
    let unreachable = |error: &dyn fmt::Display| Complaint::Unreachable(error.to_string());
    let wire = connect::once(target).await.map_err(|e| unreachable(&e))?;
    let started = Connection::<Empty<Bytes>>::start(wire, None).await;
    let mut connection = started.map_err(|error| unreachable(&error))?;
    match connection.send(request(target, health)).await {
        Sent::Answered(response) => Ok((response.status(), response.headers().clone())),
        Sent::Failed(error) => Err(unreachable(&error)),
        Sent::Unsent(_) => Err(unreachable(&"it closes the connection at once")),
    }
}

fn request(target: &Target, health: &Health) -> Request<Empty<Bytes>> {
    let mut request = Request::new(Empty::<Bytes>::new());
    *request.uri_mut() = health.path.clone().into();
    let headers = request.headers_mut();
    let host = health.host.clone().unwrap_or_else(|| target.host());
    headers.insert(HOST, host);
    headers.insert(USER_AGENT, HeaderValue::from_static("onelane-health"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health(unhealthy_after: u32, healthy_after: u32) -> Health {
        let count = |count| NonZeroU32::new(count).unwrap();
        Health {
            path: PathAndQuery::from_static("/health?a=b"),
            host: None,
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            unhealthy_after: count(unhealthy_after),
            healthy_after: count(healthy_after),
        }
    }

    /// The standing after each check: `x` has failed, `.` has not; `d` and `u` are down and up.
    fn standings(checks: &str, unhealthy_after: u32, healthy_after: u32) -> String {
        let health = health(unhealthy_after, healthy_after);
        let mut record = Record::default();
        let standing = |check| {
            let verdict = match check {
                'x' => Verdict::Ill(Complaint::TimedOut),
                _ => Verdict::Well,
            };
            record = record.after(&verdict, &health);
            match record.standing {
                Standing::Down => 'd',
                Standing::Up => 'u',
            }
        };
        checks.chars().map(standing).collect()
    }

    #[test]
    fn a_node_goes_down_and_comes_up_after_so_many_checks_in_a_row() {
        assert_eq!(standings("...xxx..x", 3, 2), "uuuuudduu");
        assert_eq!(standings("xxxxxx", 3, 2), "uudddd");
        assert_eq!(standings("x.", 1, 1), "du");
    }

    #[test]
    fn checks_that_take_turns_change_nothing() {
        assert_eq!(standings("xx.xx.xx.xx", 3, 2), "uuuuuuuuuuu");
        assert_eq!(standings("xxx.x.x.x", 3, 2), "uuddddddd");
    }

    #[test]
    fn a_check_is_a_get_with_the_nodes_own_host() {
        let target = Target::Tcp {
            host: "node".to_owned(),
            port: 81,
        };
        let asked = request(&target, &health(1, 1));
        assert_eq!(
            (asked.method().as_str(), asked.uri().to_string().as_str()),
            ("GET", "/health?a=b")
        );
        assert_eq!(asked.headers()[HOST], "node:81");
        let named = Health {
            host: Some(HeaderValue::from_static("shop.example")),
            ..health(1, 1)
        };
        assert_eq!(request(&target, &named).headers()[HOST], "shop.example");
    }
}
