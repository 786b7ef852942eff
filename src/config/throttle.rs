//! `throttle:`: rules of how much one client may take.
//!
//! Guarantees: each rule limits something, has a name of its own, and names routes that exist.
//! Does not do: count; `throttle` does.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use super::defaults;
use super::problem::nearest;
use super::reader::{Keys, Section, Value};
use super::yaml::Kind;
use crate::gateway::DENY_LIST;
use crate::route::RouteTable;
use crate::throttle::{Action, Limits, Mode, Rate, RateError, Routes, Rule, Rules};

/// What a preset says, and the rule's own keys over it.
#[derive(Clone, Copy, Debug)]
struct Base {
    rate: Option<Written>,
    concurrent: Option<u32>,
    action: Action,
}

/// `COUNT/PERIOD`.
#[derive(Clone, Copy, Debug)]
struct Written {
    count: NonZeroU32,
    period: Duration,
}

/// `throttle`: a rule, or a list of rules. `max_waiting` is the cap on all waiters.
pub(super) fn read(top: &Section<'_>, routes: &RouteTable, max_waiting: usize) -> Rules {
    let items = top
        .get("throttle")
        .map_or_else(Vec::new, |throttle| throttle.one_or_more());
    if let Some(first_beyond) = items.get(defaults::MOST_RULES) {
        let problem = format!(
            "more than {} rules: each request is held against them in turn",
            defaults::MOST_RULES
        );
        first_beyond.refuse::<()>(
            problem,
            "merge some: a rule may have several limits and routes",
        );
    }
    let mut rules: Vec<Rule> = Vec::with_capacity(items.len().min(defaults::MOST_RULES));
    for (index, item) in items.iter().enumerate().take(defaults::MOST_RULES) {
        let Some(rule) = rule(item, index, routes) else {
            continue;
        };
        if rules.iter().any(|earlier| earlier.name == rule.name) {
            item.key("name").as_ref().unwrap_or(item).refuse::<()>(
                "two rules have this name",
                "give each its own: it is their label in metrics",
            );
        }
        if let Some(waiting) = item.key("waiting")
            && rule
                .limits()
                .waiting
                .is_some_and(|most| most as usize >= max_waiting)
        {
            waiting.warn(format!(
                "one client alone may fill queue.max_waiting ({max_waiting}): nobody else could wait; make it smaller",
            ));
        }
        rules.push(rule);
    }
    Rules::new(rules)
}

fn rule(item: &Value<'_>, index: usize, table: &RouteTable) -> Option<Rule> {
    let section = item.section(&RULE)?;
    let base = section.read("preset", preset).unwrap_or(NOTHING);
    let said = section.get("rate");
    let written = match &said {
        Some(value) => value.rate(),
        None => base.rate,
    };
    let count = |value: &Value<'_>, least| value.whole(least..=defaults::MOST).map(narrow);
    let limits = Limits {
        rate: rate(&section, written),
        concurrent: section
            .read("concurrent", |value| count(value, 1))
            .or(base.concurrent),
        waiting: section.read("waiting", |value| count(value, 0)),
    };
    let limited = section.present(&["preset", "rate", "concurrent", "waiting"]);
    if limited.is_empty() {
        item.refuse::<()>(
            "the rule limits nothing",
            "add one of rate: 100/s, concurrent, waiting; or preset: iis",
        );
    }
    let routes = section
        .get("routes")
        .map_or(Routes::All, |value| routes(&value, table));
    let action = section.read("action", action).unwrap_or(base.action);
    let mode = section.read("mode", |value| value.choice(MODES));
    Some(Rule::new(
        name(&section, index),
        limits,
        routes,
        action,
        mode.unwrap_or(Mode::Enforce),
    ))
}

fn preset(value: &Value<'_>) -> Option<Base> {
    value.choice(&[("iis", IIS)])
}

/// The rate that was written, with its burst.
fn rate(section: &Section<'_>, written: Option<Written>) -> Option<Rate> {
    let burst = section.get("burst");
    if let (Some(burst), true) = (&burst, section.present(&["preset", "rate"]).is_empty()) {
        return burst.refuse(
            "a burst is a part of a rate, and there is none",
            "add rate: 100/s, or remove burst",
        );
    }
    let written = written?;
    let size = match &burst {
        Some(burst) => NonZeroU32::new(narrow(burst.whole(1..=defaults::MOST)?))?,
        None => written.count,
    };
    let at = section.get("rate").or(burst);
    match (Rate::new(written.count, written.period, size), at) {
        (Ok(rate), _) => Some(rate),
        (Err(error @ RateError::TooFast), Some(at)) => {
            at.refuse(error.to_string(), "write a lower rate, or remove it")
        }
        (Err(error @ RateError::TooSlow), Some(at)) => {
            at.refuse(error.to_string(), "write a higher rate, or a smaller burst")
        }
        (Err(_), None) => None,
    }
}

fn action(value: &Value<'_>) -> Option<Action> {
    let number = match value.kind() {
        Kind::Int(number) => Some(*number),
        _ => ACTIONS
            .iter()
            .map(|(number, _)| *number)
            .find(|number| value.is_word(&number.to_string())),
    };
    let known = ACTIONS.iter().find(|(known, _)| number == Some(*known));
    match known {
        Some((_, action)) => Some(*action),
        None if value.is_word("abort") => Some(Action::Abort),
        None => value.refuse(
            "there is no such action",
            "the actions are 429, 401, 403, 404 and abort (no answer)",
        ),
    }
}

/// Labels that the table has.
fn routes(value: &Value<'_>, table: &RouteTable) -> Routes {
    let items = value.one_or_more();
    if items.is_empty() {
        value.refuse::<()>(
            "an empty list: the rule would be for no request",
            "name a route, or remove the key: then it is for all",
        );
    }
    let label = |item: &Value<'_>| -> Option<Arc<str>> {
        let name = item.some_text()?;
        if let Some(label) = table.labels().find(|label| &***label == name) {
            return Some(Arc::clone(label));
        }
        let suggestion = match nearest(name, table.labels().map(|label| &**label)) {
            Some(meant) => format!("did you mean {meant}?"),
            None => {
                "write the name: of a route, its label as the log has it, or default".to_owned()
            }
        };
        item.refuse("no route is called so", suggestion)
    };
    Routes::Labelled(items.iter().filter_map(label).collect())
}

/// The rule's name, or its place.
fn name(section: &Section<'_>, index: usize) -> Arc<str> {
    let own = section.read("name", |name| {
        let text = name.some_text()?;
        if text == DENY_LIST {
            return name.refuse(
                "this name has a meaning of its own in metrics",
                "choose another one",
            );
        }
        Some(Arc::from(text))
    });
    own.unwrap_or_else(|| Arc::from(format!("throttle[{index}]")))
}

impl Value<'_> {
    /// `COUNT/PERIOD`, such as 100/s or 20/200ms.
    fn rate(&self) -> Option<Written> {
        if let Kind::Int(number) = self.kind() {
            return self.refuse(
                "a rate needs a period",
                format!("write {number}/s, or {number}/m"),
            );
        }
        let text = self.text()?;
        let (count, period) = match text.split_once('/') {
            Some((count, period)) => (count.trim(), period.trim()),
            None => return self.refuse("not a rate", RATES),
        };
        let Ok(count) = count.parse::<u32>() else {
            return self.refuse("not a rate", RATES);
        };
        let Some(count) = NonZeroU32::new(count) else {
            return self.refuse(
                "nobody would be admitted",
                "write at least 1; client.deny is for clients that are to be refused",
            );
        };
        let period = match period.strip_prefix(|first: char| first.is_ascii_digit()) {
            Some(_) => humantime::parse_duration(period),
            None => humantime::parse_duration(&format!("1{period}")), // /s is /1s
        };
        match period {
            Ok(period) if PERIODS.contains(&period) => Some(Written { count, period }),
            Ok(_) => self.refuse("out of range", "the period may be 1ms to 7days"),
            Err(_) => self.refuse("not a rate", RATES),
        }
    }
}

/// Ranges are within [`defaults::MOST`].
fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

const RATES: &str = "write a number of requests and a period, e.g. 100/s, 600/m or 20/200ms";

const PERIODS: std::ops::RangeInclusive<Duration> = Duration::from_millis(1)..=Rate::LONGEST_FILL;

const NOTHING: Base = Base {
    rate: None,
    concurrent: None,
    action: Action::TooManyRequests,
};

/// IIS's Dynamic IP Restrictions, once both boxes are ticked.
const IIS: Base = Base {
    rate: Some(Written {
        count: NonZeroU32::new(20).expect("it is not 0"),
        period: Duration::from_millis(200),
    }),
    concurrent: Some(5),
    action: Action::Forbidden,
};

pub(super) const ACTIONS: [(i128, Action); 4] = [
    (429, Action::TooManyRequests),
    (401, Action::Unauthorized),
    (403, Action::Forbidden),
    (404, Action::NotFound),
];

pub(super) const MODES: &[(&str, Mode)] = &[("enforce", Mode::Enforce), ("observe", Mode::Observe)];

pub(super) const RULE: Keys = Keys {
    known: &[
        "name",
        "preset",
        "rate",
        "burst",
        "concurrent",
        "waiting",
        "routes",
        "action",
        "mode",
    ],
    refused: &[],
};
