//! An application with Onelane in front of it, both ways warm, measured in alternation.

use std::io;
use std::time::Duration;

use crate::applications::{Application, Page};
use crate::onelane::Onelane;
use crate::scenarios::Way;
use crate::scenarios::load::together;

use super::Side;
use super::subjects::Subject;

/// An application and Onelane in front of it.
#[derive(Debug)]
pub(crate) struct Setting {
    onelane: Onelane,
    application: Application,
}

/// The applications that run, each with its own Onelane.
#[derive(Debug)]
pub(crate) struct Stage {
    /// Is told what is measured next.
    progress: fn(&str),
    settings: Vec<(Subject, &'static str, Setting)>,
}

/// What both ways gave.
#[derive(Clone, Debug)]
pub(crate) struct Pair<T> {
    pub(crate) bare: T,
    pub(crate) behind: T,
}

impl Stage {
    /// Nothing runs yet.
    pub(crate) fn new(progress: fn(&str)) -> Self {
        Self {
            progress,
            settings: Vec::new(),
        }
    }

    /// An application behind Onelane with `more` YAML: the one that runs already, or else a new one.
    pub(super) fn setting(&mut self, subject: Subject, more: &'static str) -> io::Result<&Setting> {
        let known = |(name, yaml, _): &(Subject, &str, Setting)| (*name, *yaml) == (subject, more);
        let place = match self.settings.iter().position(known) {
            Some(place) => place,
            None => {
                let setting = Setting::start(subject.start()?, more)?;
                self.settings.push((subject, more, setting));
                self.settings.len() - 1
            }
        };
        let setting = &self.settings[place].2;
        (self.progress)(setting.name());
        Ok(setting)
    }
}

impl Setting {
    /// Starts Onelane in front of it, with `more` YAML beside the application's own, and warms both ways up.
    fn start(application: Application, more: &str) -> io::Result<Self> {
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

    /// Measures one way `rounds` times, and gives the round in the middle by `key`.
    pub(crate) fn middle<T>(
        &self,
        side: Side,
        rounds: usize,
        key: impl Fn(&T) -> Duration,
        measure: impl Fn(Way<'_>) -> io::Result<T>,
    ) -> io::Result<T> {
        let all = (0..rounds).map(|_| measure(self.way(side)));
        Ok(in_the_middle(all.collect::<io::Result<_>>()?, key))
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
        Ok(Pair {
            bare: in_the_middle(bare, &key),
            behind: in_the_middle(behind, &key),
        })
    }

    /// Pages are compiled, workers and threads started, connections made: by users who do not contend.
    fn warm(&self, side: Side) -> io::Result<()> {
        let way = self.way(side);
        let users: Vec<_> = (0..WARM_USERS)
            .map(|_| way.user())
            .collect::<io::Result<_>>()?;
        for page in [Page::None, Page::Read, Page::Write] {
            drop(together(users.clone(), &way.page(page, WARM_WORK)));
        }
        Ok(())
    }
}

/// By `key`; of an even number the higher one of two.
fn in_the_middle<T>(mut all: Vec<T>, key: impl Fn(&T) -> Duration) -> T {
    all.sort_by_key(key);
    let middle = all.len() / 2;
    all.swap_remove(middle)
}

/// As many as the largest measurement needs threads for.
const WARM_USERS: usize = 50;
/// Long enough for all to be inside together, ms.
const WARM_WORK: u64 = 50;
