//! The lanes of one request: most sessions have one, Sitecore's may have two.
//!
//! Guarantees: the lane `session` is the first; ids of two lanes never give one key.
//! Does not do: take lanes; `lane` does.

use std::fmt;
use std::sync::Arc;

use super::source::Source;

/// The most lanes that the keys of a configuration may name: each is taken by each request that has its id.
pub const MOST_LANES: usize = 4;

/// Which lane the keys of a source name (`session.keys[].lane`); `session` by default. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneName(Arc<str>);

/// Which of the lanes of a configuration one is; the first is the user's own session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneNumber(usize);

impl LaneNumber {
    /// The user's own session.
    pub const SESSION: Self = Self(0);
}

/// The sources of one lane: alternatives, the first with a valid id wins.
#[derive(Debug, PartialEq)]
pub(super) struct LaneSources {
    pub(super) name: LaneName,
    pub(super) number: LaneNumber,
    pub(super) sources: Vec<Source>,
}

impl LaneName {
    /// The lane of this name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(Arc::from(name))
    }

    /// The name as it was configured.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the user's own session, which all but a few sites have alone.
    #[must_use]
    pub fn is_session(&self) -> bool {
        &*self.0 == SESSION
    }
}

impl Default for LaneName {
    fn default() -> Self {
        Self::new(SESSION)
    }
}

impl fmt::Display for LaneName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The sources by lane: `session` first, the others in the order of their first source.
pub(super) fn by_lane(sources: Vec<Source>) -> Vec<LaneSources> {
    let mut lanes: Vec<LaneSources> = Vec::with_capacity(1);
    for source in sources {
        match lanes.iter_mut().find(|lane| lane.name == source.lane) {
            Some(lane) => lane.sources.push(source),
            None => lanes.push(LaneSources {
                name: source.lane.clone(),
                number: LaneNumber(0),
                sources: vec![source],
            }),
        }
    }
    lanes.sort_by_key(|lane| !lane.name.is_session());
    for (number, lane) in lanes.iter_mut().enumerate() {
        lane.number = LaneNumber(number);
    }
    lanes
}

const SESSION: &str = "session";
