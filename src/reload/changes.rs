//! How one policy differs from another, for people.
//!
//! Guarantees: what differs is named, and no value is shown, since one may be a secret.
//! Does not do: decide anything.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::gateway::Policy;

/// How a policy differs from the one before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Changes {
    /// Of routes, by label; `default` is what no route matches.
    pub routes: Difference,
    /// Of rules of the throttle, by name. Those that changed have begun anew.
    pub rules: Difference,
    /// The sections that differ in something else.
    pub sections: Vec<&'static str>,
}

/// How one list of named things differs from another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// New.
    pub added: Vec<String>,
    /// There before and now, but not the same.
    pub changed: Vec<String>,
    /// Gone.
    pub removed: Vec<String>,
}

/// What is called so, as it is written out for debugging, which shows all that is compiled from the configuration.
type Named<'p> = BTreeMap<&'p str, Vec<String>>;

impl Changes {
    /// What `new` has otherwise than `old`.
    pub(super) fn between(old: &Policy, new: &Policy) -> Self {
        let mut sections = Vec::new();
        let (was, is) = (parts(old), parts(new));
        for ((name, was), (_, is)) in was.into_iter().zip(is) {
            if was != is && !sections.contains(&name) {
                sections.push(name);
            }
        }
        Self {
            routes: Difference::between(&routes(old), &routes(new)),
            rules: Difference::between(&rules(old), &rules(new)),
            sections,
        }
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Difference {
    fn between(old: &Named<'_>, new: &Named<'_>) -> Self {
        let names =
            |names: &mut dyn Iterator<Item = &&str>| names.map(ToString::to_string).collect();
        Self {
            added: names(&mut new.keys().filter(|name| !old.contains_key(*name))),
            changed: names(
                &mut new
                    .keys()
                    .filter(|name| old.get(*name).is_some_and(|old| *old != new[*name])),
            ),
            removed: names(&mut old.keys().filter(|name| !new.contains_key(*name))),
        }
    }
}

fn routes(policy: &Policy) -> Named<'_> {
    let mut named = Named::new();
    for route in policy.routes.routes() {
        let said = format!("{:?} {:?}", route.criteria, route.terms);
        named.entry(&*route.label).or_default().push(said);
    }
    let (label, terms) = policy.routes.default_terms();
    named.entry(label).or_default().push(format!("{terms:?}"));
    named
}

fn rules(policy: &Policy) -> Named<'_> {
    let mut named = Named::new();
    for rule in &policy.throttle {
        let said = (rule.limits(), &rule.routes, rule.action, rule.mode);
        named.insert(&*rule.name, vec![format!("{said:?}")]);
    }
    named
}

/// Whatever is neither a route nor a rule, by the section where it is written.
fn parts(policy: &Policy) -> Vec<(&'static str, String)> {
    let Policy {
        edition: _, // says that something has changed, not what
        routes,
        sessions,
        without_session,
        throttle,
        client,
        max_waiting,
        max_waiting_per_client: _, // from max_waiting
        buffers,
        head,
        body_size,
        body_pace,
        application,
        server_timing,
        refusals,
        ready_path,
        sampling,
        series: _, // not the operator's
    } = policy;
    let order: Vec<_> = routes.routes().iter().map(|route| &route.label).collect();
    let rules: Vec<_> = throttle.iter().map(|rule| &rule.name).collect();
    let refusals: BTreeMap<_, _> = refusals
        .iter()
        .map(|(reason, page)| (reason.label(), page))
        .collect();
    vec![
        ("routes", format!("{order:?} {:?}", routes.case())),
        ("session", format!("{sessions:?} {without_session:?}")),
        ("throttle", format!("{rules:?}")),
        ("client", format!("{client:?}")),
        ("queue", format!("{max_waiting:?}")),
        (
            "limits",
            format!("{buffers:?} {head:?} {body_size:?} {body_pace:?}"),
        ),
        ("application", format!("{application:?}")),
        ("server_timing", format!("{server_timing:?}")),
        ("refusals", format!("{refusals:?}")),
        ("ready_path", format!("{ready_path:?}")),
        ("tracing", format!("{sampling:?}")),
    ]
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("nothing");
        }
        let sections: Vec<_> = self.sections.iter().map(ToString::to_string).collect();
        let all = [
            ("routes added", &self.routes.added),
            ("routes changed", &self.routes.changed),
            ("routes removed", &self.routes.removed),
            ("rules added", &self.rules.added),
            ("rules changed", &self.rules.changed),
            ("rules removed", &self.rules.removed),
            ("sections", &sections),
        ];
        let mut separator = "";
        for (what, names) in all.into_iter().filter(|(_, names)| !names.is_empty()) {
            let shown = names.len().min(SHOWN);
            write!(f, "{separator}{what}: {}", names[..shown].join(", "))?;
            if names.len() > shown {
                write!(f, " and {} more", names.len() - shown)?;
            }
            separator = "; ";
        }
        Ok(())
    }
}

/// Names of one kind in a line of the log.
const SHOWN: usize = 10;
