//! An application with Onelane in front of it, both ways warm, measured in alternation.

use std::io;

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

/// How often each way is measured: a number that is fixed before, whatever comes of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Repeat {
    pub(crate) bare: usize,
    pub(crate) behind: usize,
}

/// What all rounds of one measurement gave.
#[derive(Clone, Debug)]
pub(crate) struct Rounds<T> {
    side: Side,
    all: Vec<T>,
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

    /// Several applications that are measured beside each other, in this order. They are started here, since they end with
    /// the thread that started them.
    pub(super) fn settings<const N: usize>(
        &mut self,
        subjects: [Subject; N],
    ) -> io::Result<[&Setting; N]> {
        for subject in subjects {
            self.setting(subject, "")?;
        }
        Ok(subjects.map(|subject| {
            let known =
                |(name, yaml, _): &&(Subject, &str, Setting)| (*name, *yaml) == (subject, "");
            let started = self.settings.iter().find(known);
            &started.expect("it was started above").2
        }))
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

    /// Measures both ways in alternation, as often as is said.
    pub(crate) fn rounds<T>(
        &self,
        repeat: Repeat,
        mut measure: impl FnMut(Way<'_>) -> io::Result<T>,
    ) -> io::Result<Pair<Rounds<T>>> {
        let (mut bare, mut behind) = (Vec::new(), Vec::new());
        for round in 0..repeat.bare.max(repeat.behind) {
            let order = match round % 2 {
                0 => [Side::Bare, Side::Behind],
                _ => [Side::Behind, Side::Bare],
            };
            for side in order {
                let (found, number) = match side {
                    Side::Bare => (&mut bare, repeat.bare),
                    Side::Behind => (&mut behind, repeat.behind),
                };
                if round < number {
                    found.push(measure(self.way(side))?);
                }
            }
        }
        Ok(Pair {
            bare: Rounds {
                side: Side::Bare,
                all: bare,
            },
            behind: Rounds {
                side: Side::Behind,
                all: behind,
            },
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

impl<T> Rounds<T> {
    /// The round that counts, by its `key`, a time. Behind Onelane the best: whatever else a machine does adds to its times,
    /// and takes nothing from them. Of the application alone the one in the middle: what disturbs requests that poll can
    /// also spread them, so that they find the lock free sooner. None when nothing was measured.
    pub(crate) fn figure<K: Ord>(&self, key: impl Fn(&T) -> K) -> Option<&T> {
        let mut sorted: Vec<&T> = self.all.iter().collect();
        sorted.sort_by_key(|found| key(found));
        let place = match self.side {
            Side::Bare => sorted.len() / 2,
            Side::Behind => 0,
        };
        sorted.get(place).copied()
    }

    /// All of them, in order: what must not happen must not happen in any.
    pub(crate) fn all(&self) -> &[T] {
        &self.all
    }
}

/// As many as the largest measurement needs threads for.
const WARM_USERS: usize = 50;
/// Long enough for all to be inside together, ms.
const WARM_WORK: u64 = 50;
