//! Which application is measured with which scenario, in which size, and what is claimed of it.
//!
//! `benches/comparison` runs the full size and writes the document; the tests run the short one and assert the same claims.
//! Guarantees: both ways to an application are warmed up alike; bare and behind Onelane are measured in
//! alternation.

use std::io;

mod browser;
pub(crate) mod claim; // what a figure must be
mod leavers;
mod long;
mod lost;
mod others;
mod reads;
pub(crate) mod setting; // an application with Onelane in front of it
mod store;
mod subjects; // the applications, as they are started
pub(crate) mod table; // tables as Markdown, figures as text
mod timeouts;
mod writes;

use claim::Claim;
use setting::Stage;
use table::Table;

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// For the document: about twenty minutes.
    Full,
    /// For every change: about a minute.
    Short,
}

impl Extent {
    /// One of two sizes.
    fn choose<T>(self, full: T, short: T) -> T {
        match self {
            Self::Full => full,
            Self::Short => short,
        }
    }
}

/// A section of the comparison.
#[derive(Debug)]
pub(crate) struct Part {
    /// A heading, and a sentence or two of what was done.
    pub(crate) heading: &'static str,
    pub(crate) words: String,
    pub(crate) tables: Vec<Table>,
    pub(crate) claims: Vec<Claim>,
    pub(crate) points: Vec<Point>,
}

/// A value for the chart.
#[derive(Clone, Debug)]
pub(crate) struct Point {
    pub(crate) series: Series,
    /// How many at once; 0 where [`Point::label`] says what it is of.
    pub(crate) at_once: usize,
    pub(crate) label: &'static str,
    pub(crate) value: f64,
}

/// What a value of the chart is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Series {
    /// Seconds until the last of some writes of 50 ms was answered, ASP.NET.
    Total(Side),
    /// Calls of the session store for each request.
    Gets(Side),
    /// Of 100 increments.
    Lost(Side),
    /// Seconds that the median of the other users took.
    Others(Side),
    /// The same on an idle server.
    OthersIdle,
}

/// How the application was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Bare,
    Behind,
}

/// A part that can be chosen by its name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chapter {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&mut Stage, Extent) -> io::Result<Part>,
}

/// In the order of the document.
pub(crate) const CHAPTERS: [Chapter; 9] = [
    Chapter {
        name: "writes",
        run: writes::run,
    },
    Chapter {
        name: "store",
        run: store::run,
    },
    Chapter {
        name: "lost",
        run: lost::run,
    },
    Chapter {
        name: "others",
        run: others::run,
    },
    Chapter {
        name: "timeouts",
        run: timeouts::run,
    },
    Chapter {
        name: "leavers",
        run: leavers::run,
    },
    Chapter {
        name: "reads",
        run: reads::run,
    },
    Chapter {
        name: "long",
        run: long::run,
    },
    Chapter {
        name: "browser",
        run: browser::run,
    },
];
