//! One frame of `onelane top`, as text.
//!
//! Guarantees: pure; no line is wider than the screen; a sign that a terminal would obey is not passed on, whoever sent it.

use std::fmt::Write as _;

use crate::admin::state::{BlockingView, LaneView, PageView, RequestView, State};

/// Of the screen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    pub(super) width: usize,
    pub(super) height: usize,
}

/// Whether there are colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colours {
    Off,
    On,
}

/// What a line is, which decides its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Faint,
    Holder,
    Plain,
    Title,
    Waiter,
}

impl Size {
    /// Wide and high enough for everything.
    pub(super) const ANY: Self = Self {
        width: 160,
        height: usize::MAX,
    };
}

/// The frame.
pub(super) fn frame(state: &State, size: Size, colours: Colours) -> String {
    let mut lines = Vec::new();
    head(state, &mut lines);
    for lane in &state.lanes {
        one_lane(lane, &mut lines);
    }
    if state.lanes.is_empty() {
        lines.push((Kind::Faint, "  no lane is in use".to_owned()));
    }
    if state.lanes_total > state.lanes.len() {
        let more = state.lanes_total - state.lanes.len();
        lines.push((Kind::Faint, format!("  {more} more lanes")));
    }
    blocking(state, &mut lines);
    let mut text = String::new();
    for (kind, line) in lines.iter().take(size.height.saturating_sub(1)) {
        let line: String = line.chars().map(printable).take(size.width).collect();
        let colour = match (colours, kind) {
            (Colours::Off, _) | (_, Kind::Plain) => None,
            (Colours::On, Kind::Faint) => Some("2"),
            (Colours::On, Kind::Holder) => Some("32"),
            (Colours::On, Kind::Title) => Some("1"),
            (Colours::On, Kind::Waiter) => Some("33"),
        };
        match colour {
            Some(colour) => writeln!(text, "\x1b[{colour}m{line}\x1b[0m"),
            None => writeln!(text, "{line}"),
        }
        .expect("a String takes all");
    }
    text
}

fn head(state: &State, lines: &mut Vec<(Kind, String)>) {
    let (totals, policy) = (&state.totals, &state.policy);
    let why = state.readiness.why.as_deref();
    lines.push((
        Kind::Title,
        format!(
            "onelane {}   {}{}   up {}   mode {}   policy {} ({})",
            state.version,
            state.readiness.state,
            why.map(|why| format!(": {why}")).unwrap_or_default(),
            age(state.uptime_ms),
            policy.mode,
            policy.version,
            policy.digest,
        ),
    ));
    lines.push((
        Kind::Plain,
        format!(
            "lanes: {} in use, {} holding, {} waiting   connections: {}",
            totals.lanes, totals.holding, totals.waiting, totals.connections
        ),
    ));
    lines.push((
        Kind::Plain,
        format!(
            "since the start: {} requests, {} waited {}, {} refused, {} exceptions to exclusion",
            totals.requests,
            totals.waited,
            age(totals.waited_ms),
            totals.refused,
            totals.exceptions
        ),
    ));
    lines.push((Kind::Plain, String::new()));
}

fn one_lane(lane: &LaneView, lines: &mut Vec<(Kind, String)>) {
    let observed = match lane.observed {
        0 => String::new(),
        observed => format!(", {observed} observed"),
    };
    lines.push((
        Kind::Title,
        format!(
            "{}   {} holding, {} waiting{observed}   in use for {}",
            lane.session,
            lane.holding,
            lane.waiting,
            age(lane.age_ms)
        ),
    ));
    for holder in &lane.holders {
        let held = holder.held_ms.unwrap_or(holder.age_ms);
        lines.push((Kind::Holder, request(holder, held)));
    }
    for waiter in lane.waiters.iter().take(SHOWN) {
        lines.push((Kind::Waiter, request(waiter, waiter.age_ms)));
    }
    if lane.waiting > lane.waiters.len().min(SHOWN) {
        let more = lane.waiting - lane.waiters.len().min(SHOWN);
        lines.push((Kind::Faint, format!("  {more} more wait")));
    }
}

fn request(request: &RequestView, time: u64) -> String {
    let path = request.path.as_deref().unwrap_or("?");
    format!(
        "  {:<10}{:>9}  {:<6}{} {path}   [{}]",
        request.state,
        age(time),
        request.access,
        request.method,
        request.route
    )
}

fn blocking(state: &State, lines: &mut Vec<(Kind, String)>) {
    if state.blocking.is_empty() {
        return;
    }
    lines.push((Kind::Plain, String::new()));
    lines.push((Kind::Title, "waited for, since the start".to_owned()));
    for BlockingView {
        blocker,
        waiter,
        count,
        waited_ms,
        ..
    } in state.blocking.iter().take(SHOWN)
    {
        let (blocker, waiter) = (page(blocker), page(waiter));
        let line = format!(
            "  {:>9}  {blocker}  <-  {waiter}, {count} times",
            age(*waited_ms)
        );
        lines.push((Kind::Plain, line));
    }
}

fn page(page: &PageView) -> String {
    let method = page.method.as_deref().unwrap_or("?");
    format!("{method} {}", page.path.as_deref().unwrap_or("?"))
}

/// A time in the two greatest units that matter.
fn age(milliseconds: u64) -> String {
    let seconds = milliseconds / 1_000;
    match seconds {
        0 => format!("{milliseconds} ms"),
        1..60 => format!("{seconds}.{} s", milliseconds % 1_000 / 100),
        60..3_600 => format!("{} m {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} m", seconds / 3_600, seconds % 3_600 / 60),
    }
}

/// What a client sent may be in a label or a path: nothing that a terminal obeys.
fn printable(sign: char) -> char {
    if sign.is_control() { '\u{fffd}' } else { sign }
}

/// Waiters of a lane, and pairs of pages.
const SHOWN: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn waiter(path: &str) -> RequestView {
        RequestView {
            state: "waiting".to_owned(),
            method: "GET".to_owned(),
            path: Some(path.to_owned()),
            age_ms: 1_250,
            ..RequestView::default()
        }
    }

    fn state(waiters: usize, path: &str) -> State {
        let lane = LaneView {
            session: "a1b2c3".to_owned(),
            waiting: waiters,
            waiters: (0..waiters).map(|_| waiter(path)).collect(),
            ..LaneView::default()
        };
        State {
            lanes: vec![lane],
            lanes_total: 3,
            ..State::default()
        }
    }

    #[test]
    fn what_does_not_fit_is_cut_and_counted() {
        let text = frame(&state(30, "/cart"), Size::ANY, Colours::Off);
        assert_eq!(text.matches("GET /cart").count(), SHOWN);
        assert!(
            text.contains("20 more wait") && text.contains("2 more lanes"),
            "{text}"
        );
        let small = Size {
            width: 20,
            height: 6,
        };
        let text = frame(&state(30, &"x".repeat(100)), small, Colours::Off);
        assert_eq!(text.lines().count(), 5);
        assert!(
            text.lines().all(|line| line.chars().count() <= 20),
            "{text}"
        );
    }

    #[test]
    fn a_terminal_obeys_nothing_that_a_client_sent() {
        let text = frame(&state(1, "/\x1b[2J\u{9b}x"), Size::ANY, Colours::Off);
        assert!(!text.contains(['\x1b', '\u{9b}']), "{text:?}");
        let coloured = frame(&state(1, "/a"), Size::ANY, Colours::On);
        assert!(coloured.contains("\x1b[33m"), "the control");
    }

    #[test]
    fn ages_are_short() {
        let ages = [0, 999, 1_250, 61_000, 7_260_000].map(age);
        assert_eq!(ages, ["0 ms", "999 ms", "1.2 s", "1 m 01 s", "2 h 01 m"]);
    }
}
