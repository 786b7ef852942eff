//! The application's nodes as one core sees them: each request is given a connection to one of them.
//!
//! Guarantees: a request goes to the node that has its session while that is up, else to one that is; only one that was
//! certainly not sent moves. One node alone behaves as if there were no farm: it is not chosen, counted or marked.
//! Does not do: decide (`choice` does); send.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::HeaderMap;
use http::header::HeaderValue;
use http_body::Body;
use tokio::time::sleep;

use super::affinity::{Crossing, Lesson};
use super::choice::{Standing, Wish};
use super::connect::{ConnectError, PAUSE_MAX, PAUSE_MIN};
use super::connection::Connection;
use super::nodes::{Chosen, InFlight, Nodes};
use super::settings::{Settings, Target};
use super::{Reuse, Upstream};

/// One core's connections to the application's nodes.
pub struct Farm<B> {
    nodes: Arc<Nodes>,
    /// One for each node, in their order.
    connections: Box<[Upstream<B>]>,
}

/// What a response means for its client's affinity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stay {
    /// It was at the node that it named, or named none.
    Kept,
    /// The node that it named was not to be had, and with it its session if that was in memory.
    Lost,
}

impl<B> Farm<B>
where
    B: Body + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// This core's connections; none yet.
    pub fn new(nodes: Arc<Nodes>) -> Self {
        let connections = nodes.iter().enumerate();
        let connections = connections
            .map(|(number, node)| Upstream::new(node.shared(), number))
            .collect();
        Self { nodes, connections }
    }

    /// Whether there is a choice at all.
    pub fn is_several(&self) -> bool {
        self.connections.len() > 1
    }

    /// The settings of the node that a connection leads to.
    pub fn settings(&self, connection: &Connection<B>) -> &Settings {
        self.connections[connection.node()].settings()
    }

    /// Where the node of this number is, as [`Connection::node`] gives it, and its name if it has one.
    pub fn node(&self, number: usize) -> (&Target, Option<&str>) {
        let node = self.nodes.iter().nth(number);
        let name = node.and_then(|node| node.settings().name.as_deref());
        (&self.connections[number].settings().target, name)
    }

    /// The `Host` for a request that came without one, as HTTP/1.0 allows: the first node's.
    pub fn host(&self) -> HeaderValue {
        self.connections[0].settings().target.host()
    }

    /// As [`Nodes::all_ill`].
    pub fn all_ill(&self) -> bool {
        self.nodes.all_ill()
    }

    /// Whether a node's URL names this address.
    pub fn has(&self, address: IpAddr) -> bool {
        self.connections
            .iter()
            .any(|node| match &node.settings().target {
                Target::Tcp { host, .. } | Target::Tls { host, .. } => host.parse() == Ok(address),
                Target::Unix(_) => false,
            })
    }

    /// As [`Nodes::wish`]. Costs nothing when there is one node.
    pub fn wish(&self, headers: &HeaderMap, session: Option<&[u8; 16]>) -> Wish {
        self.nodes.wish(headers, session)
    }

    /// The node for a request, which counts there until the [`Chosen`], or the connection it becomes, is dropped.
    pub fn choose(&self, wish: &Wish, now: Instant) -> Chosen {
        self.nodes.choose(wish, now)
    }

    /// An idle connection to the chosen node that is open, or the choice again.
    ///
    /// # Errors
    /// The choice, when a new connection has to be made.
    pub fn reuse(
        &self,
        chosen: Chosen,
        reuse: Reuse,
        now: Instant,
    ) -> Result<Connection<B>, Chosen> {
        match self.connections[chosen.node].reuse(reuse, now) {
            Some(mut connection) => {
                connection.occupy(chosen.in_flight);
                Ok(connection)
            }
            None => Err(chosen),
        }
    }

    /// A client's own connection is in use again, and counts at its node.
    pub fn resume(&self, connection: &mut Connection<B>) {
        if self.is_several() {
            let node = &self.nodes[connection.node()];
            connection.occupy(Some(InFlight::at(node)));
        }
    }

    /// Makes a new connection to the chosen node. If that does not accept one, it is passed over for `fail_timeout`, and
    /// another node that is up takes its place; if none is up, what `wish` prefers is tried again with growing pauses, as
    /// one node alone is, until the first node's `connect_timeout`. Nothing was sent yet.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// [`ConnectError`], when the time is up; with one node, also at once when TLS was refused.
    pub async fn connect(
        &self,
        chosen: Chosen,
        wish: &Wish,
    ) -> Result<Connection<B>, ConnectError> {
        match &*self.connections {
            [only] => only.connect().await,
            _ => self.connect_to_any(chosen, wish).await,
        }
    }

    async fn connect_to_any(
        &self,
        mut chosen: Chosen,
        wish: &Wish,
    ) -> Result<Connection<B>, ConnectError> {
        let time = self.connections[chosen.node].settings().connect_timeout;
        let deadline = now() + time;
        let (mut pause, mut tried) = (PAUSE_MIN, 0);
        loop {
            let node = chosen.node;
            let failure = match self.connections[node].attempt(deadline).await {
                Ok(mut connection) => {
                    self.nodes[node].recovered();
                    connection.occupy(chosen.in_flight);
                    return Ok(connection);
                }
                // It is well, and has as much to do as it may.
                Err(ConnectError::Busy) => return Err(ConnectError::Busy),
                Err(failure) => failure,
            };
            self.nodes.failed(node, now(), &failure);
            tried += 1;
            chosen = self.choose(wish, now());
            let none_is_up = self.nodes.standing(chosen.node, now()) == Standing::Down;
            if none_is_up || tried % self.connections.len() == 0 {
                if now() + pause >= deadline {
                    return Err(failure);
                }
                sleep(pause).await;
                pause = (pause * 2).min(PAUSE_MAX);
                chosen = self.choose(wish, now()); // one may have come up meanwhile
            } else if now() >= deadline {
                return Err(failure);
            }
        }
    }

    /// What the response on `connection` means for its client: whether the node is the one that the request named.
    pub fn stay(&self, connection: &Connection<B>, wish: &Wish) -> Stay {
        match wish.named {
            Some(named) if named != connection.node() => Stay::Lost,
            Some(_) | None => Stay::Kept,
        }
    }

    /// The line that names the node of `connection` to the client, when Onelane sets the cookie and the request did not
    /// name that node.
    pub fn set_cookie(
        &self,
        connection: &Connection<B>,
        wish: &Wish,
        crossing: Crossing,
    ) -> Option<HeaderValue> {
        self.nodes.set_cookie(connection.node(), wish, crossing)
    }

    /// Learns from a response's header which cookie names the node of `connection`, if the nodes set it. False when the
    /// cookie cannot be one that names nodes, since it has too many values.
    #[must_use]
    pub fn learn(&self, connection: &Connection<B>, headers: &HeaderMap) -> bool {
        self.nodes.learn(connection.node(), headers) == Lesson::Taken
    }

    /// Gives a connection whose exchange has ended back to its node.
    pub fn give_back(&self, connection: Connection<B>, promised: Option<Duration>, now: Instant) {
        self.connections[connection.node()].give_back(connection, promised, now);
    }

    /// Closes the idle connections of each node whose time is over; to be called now and then.
    pub fn sweep(&self, now: Instant) {
        for upstream in &self.connections {
            upstream.sweep(now);
        }
    }
}

impl<B> fmt::Debug for Farm<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Farm")
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
