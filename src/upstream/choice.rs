//! Which node a request goes to.
//!
//! Guarantees: the same session goes to the same node as long as the same nodes are up, whatever it costs; a request that
//! is bound to nothing goes where the fewest are. PURE: no clock, no counter, no async; time is an argument.
//! Does not do: connect, count, or know how a node is found to be down.

use std::time::Instant;

use super::affinity::Tag;

/// Whether a node may be given requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Only when no other is up.
    Down,
    /// Yes.
    Up,
}

/// What is known of a node at the moment of the choice.
#[derive(Clone, Copy, Debug)]
pub(super) struct Condition<'n> {
    /// Its name, as far as hashing is concerned.
    pub(super) tag: &'n Tag,
    /// What its health checks say; up without checks.
    pub(super) checked: Standing,
    /// Until when it is passed over, since a connection to it could not be made.
    pub(super) failed_until: Option<Instant>,
    /// Requests that it has now, over all cores.
    pub(super) in_flight: usize,
}

/// What a request says about its node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// The node that its affinity cookie names.
    pub(super) named: Option<usize>,
    /// The digest of its session, which has no affinity cookie yet.
    pub(super) session: Option<[u8; 16]>,
}

impl Condition<'_> {
    /// Whether the node may be given requests at `now`.
    pub(super) fn standing(&self, now: Instant) -> Standing {
        match self.failed_until {
            Some(until) if now < until => Standing::Down,
            Some(_) | None => self.checked,
        }
    }
}

/// The node for a request, as an index into `nodes`, of which there is at least one.
///
/// The node that it names, while that is up. Else by its session among those that are up (rendezvous hashing: when a node
/// comes or goes, only that node's sessions move). Else the one with the fewest requests; of equals, the next in turn, of
/// which `turn` is a running number. If none is up, all count as if they were.
pub(super) fn choose(nodes: &[Condition<'_>], wish: &Wish, turn: usize, now: Instant) -> usize {
    let is_up = |node: &usize| nodes[*node].standing(now) == Standing::Up;
    let all = 0..nodes.len();
    let none_is_up = !all.clone().any(|node| is_up(&node));
    let fits = |node: &usize| none_is_up || is_up(node);
    if let Some(named) = wish.named.filter(fits) {
        return named;
    }
    let fitting = all.filter(fits);
    let chosen = match &wish.session {
        Some(session) => fitting.max_by_key(|node| nodes[*node].tag.weight(session)),
        None => fitting.min_by_key(|node| {
            let place_in_turn = (node + nodes.len() - turn % nodes.len()) % nodes.len();
            (nodes[*node].in_flight, place_in_turn)
        }),
    };
    chosen.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;

    fn tags(count: usize) -> Vec<Tag> {
        let tag = |node| Tag::new(Some("secret"), &format!("node {node}"), "");
        (0..count).map(tag).collect()
    }

    /// Nodes that are up, and have so many requests.
    fn up<'n>(tags: &'n [Tag], in_flight: &[usize]) -> Vec<Condition<'n>> {
        let condition = |(tag, in_flight): (&'n Tag, &usize)| Condition {
            tag,
            checked: Standing::Up,
            failed_until: None,
            in_flight: *in_flight,
        };
        tags.iter().zip(in_flight).map(condition).collect()
    }

    fn named(node: usize) -> Wish {
        Wish {
            named: Some(node),
            session: Some([7; 16]),
        }
    }

    fn of_session(number: u8) -> Wish {
        Wish {
            named: None,
            session: Some([number; 16]),
        }
    }

    #[test]
    fn a_request_that_is_bound_to_nothing_goes_where_the_fewest_are() {
        let tags = tags(3);
        let nodes = up(&tags, &[4, 2, 3]);
        for turn in 0..9 {
            assert_eq!(choose(&nodes, &Wish::default(), turn, Instant::now()), 1);
        }
    }

    #[test]
    fn equals_take_turns() {
        let tags = tags(3);
        let nodes = up(&tags, &[1, 5, 1]);
        let turns = (0..6).map(|turn| choose(&nodes, &Wish::default(), turn, Instant::now()));
        assert_eq!(turns.collect::<Vec<_>>(), [0, 2, 2, 0, 2, 2]);
        let nodes = up(&tags, &[0, 0, 0]);
        let turns = (0..6).map(|turn| choose(&nodes, &Wish::default(), turn, Instant::now()));
        assert_eq!(turns.collect::<Vec<_>>(), [0, 1, 2, 0, 1, 2]);
        let last = choose(&nodes, &Wish::default(), usize::MAX, Instant::now());
        assert_eq!(last, usize::MAX % 3, "the number may run over");
    }

    #[test]
    fn the_named_node_is_taken_whatever_it_has_to_do() {
        let tags = tags(3);
        let nodes = up(&tags, &[0, 0, 900]);
        assert_eq!(choose(&nodes, &named(2), 0, Instant::now()), 2);
    }

    #[test]
    fn a_session_without_a_name_always_has_the_same_node() {
        let tags = tags(4);
        let (idle, busy) = (up(&tags, &[0; 4]), up(&tags, &[9, 0, 3, 7]));
        let mut each = BTreeMap::<usize, usize>::new();
        for number in 0..=255 {
            let wish = of_session(number);
            let first = choose(&idle, &wish, 0, Instant::now());
            assert_eq!(choose(&busy, &wish, 3, Instant::now()), first);
            *each.entry(first).or_default() += 1;
        }
        assert!(
            each.len() == 4 && each.values().all(|sessions| *sessions > 30),
            "{each:?}"
        );
    }

    #[test]
    fn only_the_sessions_of_a_node_that_went_move_and_they_come_back() {
        let tags = tags(4);
        let now = Instant::now();
        let all = up(&tags, &[0; 4]);
        let mut without = all.clone();
        without[1].checked = Standing::Down;
        for number in 0..=255 {
            let wish = of_session(number);
            let (before, after) = (choose(&all, &wish, 0, now), choose(&without, &wish, 0, now));
            assert_ne!(after, 1);
            assert!(
                before == after || before == 1,
                "session {number} moved for nothing"
            );
        }
    }

    #[test]
    fn a_node_is_down_by_its_checks_or_for_a_time_by_a_failure() {
        let tags = tags(2);
        let now = Instant::now();
        let mut nodes = up(&tags, &[0, 9]);
        nodes[0].failed_until = Some(now + Duration::from_secs(1));
        assert_eq!(choose(&nodes, &named(0), 0, now), 1);
        assert_eq!(
            choose(&nodes, &named(0), 0, now + Duration::from_secs(1)),
            0
        );
        nodes[0].failed_until = None;
        nodes[0].checked = Standing::Down;
        assert_eq!(
            choose(&nodes, &named(0), 0, now + Duration::from_secs(9)),
            1
        );
    }

    #[test]
    fn one_whose_node_is_gone_goes_where_its_session_goes() {
        let tags = tags(5);
        let mut nodes = up(&tags, &[0; 5]);
        nodes[3].checked = Standing::Down;
        let now = Instant::now();
        let by_session = Wish {
            named: None,
            ..named(3)
        };
        assert_eq!(
            choose(&nodes, &named(3), 0, now),
            choose(&nodes, &by_session, 4, now)
        );
    }

    #[test]
    fn when_none_is_up_all_are_as_if_they_were() {
        let tags = tags(3);
        let now = Instant::now();
        let well = up(&tags, &[3, 1, 2]);
        let mut ill = well.clone();
        for node in &mut ill {
            node.checked = Standing::Down;
        }
        for wish in [named(2), of_session(1), of_session(9), Wish::default()] {
            assert_eq!(choose(&ill, &wish, 0, now), choose(&well, &wish, 0, now));
        }
    }
}
