//! An application with Onelane in front of it, both ways warm, measured in alternation.

use std::io;
use std::time::Duration;

use crate::applications::{Application, Page};
use crate::onelane::Onelane;
use crate::scenarios::Way;
use crate::scenarios::load::together;

use super::Side;

/// An application and Onelane in front of it.
#[derive(Debug)]
pub(crate) struct Setting {
    onelane: Onelane,
    application: Application,
}

/// What both ways gave.
#[derive(Clone, Debug)]
pub(crate) struct Pair<T> {
    pub(crate) bare: T,
    pub(crate) behind: T,
}

impl Setting {
    /// Starts Onelane in front of it, with `more` YAML beside the application's own, and warms both ways up.
    pub(crate) fn start(application: Application, more: &str) -> io::Result<Self> {
        let yaml = format!("{}\n{more}", application.yaml.trim_end());
        let onelane = Onelane::start(application.address, &yaml)?;
        let setting = Self {
            onelane,
            application,
        };
        for side in [Side::Bare, Side::Behind] {
            setting.warm(side)?;
        }
        Ok(setting)
    }

    /// How the tables call it.
    pub(crate) fn name(&self) -> &'static str {
        self.application.name
    }

    /// The way to it on this side.
    pub(crate) fn way(&self, side: Side) -> Way<'_> {
        match side {
            Side::Bare => Way::bare(&self.application),
            Side::Behind => Way::through(&self.application, self.onelane.address()),
        }
    }

    /// Measures both ways once, the bare one first.
    pub(crate) fn both<T>(
        &self,
        measure: impl Fn(Way<'_>) -> io::Result<T>,
    ) -> io::Result<Pair<T>> {
        Ok(Pair {
            bare: measure(self.way(Side::Bare))?,
            behind: measure(self.way(Side::Behind))?,
        })
    }

    /// Measures both ways `rounds` times in alternation, and gives the round in the middle by `key`.
    pub(crate) fn rounds<T>(
        &self,
        rounds: usize,
        key: impl Fn(&T) -> Duration,
        measure: impl Fn(Way<'_>) -> io::Result<T>,
    ) -> io::Result<Pair<T>> {
        let (mut bare, mut behind) = (Vec::new(), Vec::new());
        for round in 0..rounds {
            let order = match round % 2 {
                0 => [Side::Bare, Side::Behind],
                _ => [Side::Behind, Side::Bare],
            };
            for side in order {
                let found = measure(self.way(side))?;
                match side {
                    Side::Bare => bare.push(found),
                    Side::Behind => behind.push(found),
                }
            }
        }
        let middle = |mut all: Vec<T>| {
            all.sort_by_key(&key);
            let middle = all.len() / 2;
            all.swap_remove(middle)
        };
        Ok(Pair {
            bare: middle(bare),
            behind: middle(behind),
        })
    }

    /// Pages are compiled, workers and threads started, connections made: by users who do not contend.
    fn warm(&self, side: Side) -> io::Result<()> {
        let way = self.way(side);
        for _ in 0..WARM_ROUNDS {
            let users: Vec<_> = (0..WARM_USERS)
                .map(|_| way.user())
                .collect::<io::Result<_>>()?;
            for page in [Page::None, Page::Read, Page::Write] {
                drop(together(users.clone(), &way.page(page, WARM_WORK)));
            }
        }
        Ok(())
    }
}

/// How often each page is asked for by all.
const WARM_ROUNDS: usize = 2;
/// As many as the largest measurement needs threads for.
const WARM_USERS: usize = 50;
/// Long enough for all to be inside together, ms.
const WARM_WORK: u64 = 50;
