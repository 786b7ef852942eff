//! What is known of the application's nodes: which of them are up, and how many requests each has.
//!
//! Guarantees: it is shared by all cores, without locks. One node alone is neither counted nor marked by requests.
//! Does not do: decide (`choice` does); connect.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http::HeaderMap;
use http::header::HeaderValue;
use smallvec::SmallVec;

use super::Shared;
use super::affinity::{self, Affinity, Crossing, Learned, Lesson};
use super::choice::{self, Condition, Standing, Wish};
use super::connect::ConnectError;
use super::settings::{FarmSettings, NodeSettings, Target};

/// What all cores share of the application's nodes.
#[derive(Debug)]
pub struct Nodes {
    /// At least one.
    nodes: Box<[Node]>,
    affinity: Affinity,
    learned: Learned,
    /// Counts the choices that were bound to nothing.
    turn: AtomicUsize,
    /// What times are counted from.
    start: Instant,
}

/// One node of the application.
#[derive(Debug)]
pub struct Node {
    settings: NodeSettings,
    shared: Arc<Shared>,
    state: Arc<State>,
}

/// What is known of a node.
#[derive(Debug, Default)]
struct State {
    in_flight: AtomicUsize,
    /// Whether its health checks fail.
    ill: AtomicBool,
    /// Until when it is passed over, in milliseconds from the start; 0 when no connection has failed.
    failed_until: AtomicU64,
}

/// A node that was chosen for a request, which counts there from now on.
#[derive(Debug)]
pub struct Chosen {
    pub(super) node: usize,
    /// None with one node.
    pub(super) in_flight: Option<InFlight>,
}

/// What decides which node a request goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decided<'n> {
    /// Its affinity cookie; this node.
    ByCookie(&'n str),
    /// It goes where the fewest requests are.
    ByLoad,
    /// There is one.
    ByNothing,
    /// Its session, which has no affinity cookie; this node.
    BySession(&'n str),
}

/// One request at a node; dropping it ends its count.
#[derive(Debug)]
pub(super) struct InFlight(Arc<State>);

impl InFlight {
    pub(super) fn at(node: &Node) -> Self {
        node.state.in_flight.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(&node.state))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Node {
    pub(super) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    pub(super) fn settings(&self) -> &NodeSettings {
        &self.settings
    }

    pub(super) fn target(&self) -> &Target {
        &self.settings.connection.target
    }

    pub(super) fn name(&self) -> &str {
        self.settings.name.as_deref().unwrap_or_default()
    }

    /// What its health checks say from now on.
    pub(super) fn checked(&self, standing: Standing) {
        let ill = standing == Standing::Down;
        self.state.ill.store(ill, Ordering::Relaxed);
    }

    /// It accepts connections.
    pub(super) fn recovered(&self) {
        // Mostly there is nothing to change, and then nothing is written that other cores read.
        if self.state.failed_until.load(Ordering::Relaxed) != 0 {
            self.state.failed_until.store(0, Ordering::Relaxed);
        }
    }

    fn condition(&self, start: Instant) -> Condition<'_> {
        let State {
            in_flight,
            ill,
            failed_until,
        } = &*self.state;
        Condition {
            tag: &self.settings.tag,
            checked: if ill.load(Ordering::Relaxed) {
                Standing::Down
            } else {
                Standing::Up
            },
            failed_until: match failed_until.load(Ordering::Relaxed) {
                0 => None,
                since => Some(start + Duration::from_millis(since)),
            },
            in_flight: in_flight.load(Ordering::Relaxed),
        }
    }
}

impl Nodes {
    /// Prepares for `settings`; connects nowhere. `now` is where times are counted from.
    pub fn new(settings: FarmSettings, now: Instant) -> Arc<Self> {
        let FarmSettings { nodes, affinity } = settings;
        let node = |settings: NodeSettings| Node {
            shared: Shared::new(settings.connection.clone()),
            settings,
            state: Arc::default(),
        };
        Arc::new(Self {
            nodes: nodes.into_iter().map(node).collect(),
            affinity,
            learned: Learned::default(),
            turn: AtomicUsize::new(0),
            start: now,
        })
    }

    /// The nodes, in the order of the configuration.
    pub fn iter(&self) -> std::slice::Iter<'_, Node> {
        self.nodes.iter()
    }

    /// Whether each node that has a name may be given requests, in their order; none for the one of `upstream:`.
    pub fn healthy(&self, now: Instant) -> Vec<bool> {
        let named = self
            .nodes
            .iter()
            .filter(|node| node.settings.name.is_some());
        named
            .map(|node| node.condition(self.start).standing(now) == Standing::Up)
            .collect()
    }

    /// Whether the health checks of all nodes fail; never, when one of them has none.
    pub fn all_ill(&self) -> bool {
        self.nodes
            .iter()
            .all(|node| node.state.ill.load(Ordering::Relaxed))
    }

    /// Learns from a response of `node` which cookie names it, if that is how affinity works.
    pub(super) fn learn(&self, node: usize, headers: &HeaderMap) -> Lesson {
        let Affinity::Learned { cookie } = &self.affinity else {
            return Lesson::Taken;
        };
        match affinity::set_value(headers, cookie) {
            Some(value) => self.learned.learn(value, node),
            None => Lesson::Taken,
        }
    }

    /// What a request with these header fields, of this session, says about its node.
    #[must_use]
    pub fn wish(&self, headers: &HeaderMap, session: Option<&[u8; 16]>) -> Wish {
        if self.nodes.len() == 1 {
            return Wish::default();
        }
        let named = match &self.affinity {
            Affinity::Off => return Wish::default(),
            Affinity::Own { cookie } => affinity::values(headers, cookie).find_map(|value| {
                let tag = |node: &Node| node.settings.tag.as_bytes() == value;
                self.nodes.iter().position(tag)
            }),
            Affinity::Learned { cookie } => {
                affinity::values(headers, cookie).find_map(|value| self.learned.node_of(value))
            }
        };
        Wish {
            named,
            session: session.copied(),
        }
    }

    /// What would decide about a request that says this, while all nodes are up.
    #[must_use]
    pub fn explain(&self, wish: &Wish) -> Decided<'_> {
        let name = |now| self.nodes[choice::choose(&self.conditions(), wish, 0, now)].name();
        match (self.nodes.len(), wish.named, wish.session) {
            (1, _, _) => Decided::ByNothing,
            (_, Some(_), _) => Decided::ByCookie(name(self.start)),
            (_, None, Some(_)) => Decided::BySession(name(self.start)),
            (_, None, None) => Decided::ByLoad,
        }
    }

    fn conditions(&self) -> SmallVec<[Condition<'_>; 8]> {
        let nodes = self.nodes.iter();
        nodes.map(|node| node.condition(self.start)).collect()
    }

    /// The node for a request, which counts there until the choice is dropped.
    pub(super) fn choose(&self, wish: &Wish, now: Instant) -> Chosen {
        if self.nodes.len() == 1 {
            return Chosen {
                node: 0,
                in_flight: None,
            };
        }
        let turn = match wish {
            Wish {
                named: None,
                session: None,
            } => self.turn.fetch_add(1, Ordering::Relaxed),
            Wish { .. } => 0,
        };
        let node = choice::choose(&self.conditions(), wish, turn, now);
        Chosen {
            node,
            in_flight: Some(InFlight::at(&self.nodes[node])),
        }
    }

    /// Whether `node` may be given requests.
    pub(super) fn standing(&self, node: usize, now: Instant) -> Standing {
        self.nodes[node].condition(self.start).standing(now)
    }

    /// Passes `node` over for a time, since no connection to it could be made.
    pub(super) fn failed(&self, node: usize, now: Instant, why: &ConnectError) {
        let Node {
            settings, state, ..
        } = &self.nodes[node];
        let until = now.saturating_duration_since(self.start) + settings.fail_timeout;
        let until = u64::try_from(until.as_millis()).unwrap_or(u64::MAX).max(1);
        let was_up = self.standing(node, now) == Standing::Up;
        state.failed_until.store(until, Ordering::Relaxed);
        if was_up {
            tracing::warn!(
                upstream = self.nodes[node].name(),
                "a node of the application is passed over for {}: {why}",
                humantime::format_duration(settings.fail_timeout)
            );
        }
    }

    /// The line that names `node` to a client that did not name it, when Onelane sets the cookie.
    pub(super) fn set_cookie(
        &self,
        node: usize,
        wish: &Wish,
        crossing: Crossing,
    ) -> Option<HeaderValue> {
        match &self.affinity {
            Affinity::Own { cookie } if self.nodes.len() > 1 && wish.named != Some(node) => {
                self.nodes[node].settings.tag.set_cookie(cookie, crossing)
            }
            Affinity::Own { .. } | Affinity::Off | Affinity::Learned { .. } => None,
        }
    }
}

impl std::ops::Index<usize> for Nodes {
    type Output = Node;

    fn index(&self, node: usize) -> &Node {
        &self.nodes[node]
    }
}

#[cfg(test)]
mod tests;
