//! Which application is measured with which scenario, in which size, and what is claimed of it.
//!
//! `benches/comparison` runs the full size and writes the document; the tests run the short one and assert the same claims:
//! each of them, with its bound, on fewer or shorter cells where it is over several.
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
use subjects::Subject;
use table::Table;

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// For the document: about a quarter of an hour.
    Full,
    /// For every change: about four minutes.
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
    /// The same when nobody contends.
    TotalIdeal,
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

/// What the claims of a chapter are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judged {
    /// Things that happened, which are as many on a busy machine.
    Counts,
    /// Times, or ratios of times.
    Times,
}

/// A part that can be chosen by its name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chapter {
    pub(crate) name: &'static str,
    pub(crate) judged: Judged,
    pub(crate) run: fn(&mut Stage, Extent) -> io::Result<Part>,
}

/// Starts what the chapters of times measure, so that they find it running.
///
/// # Errors
/// When an application cannot start.
pub(crate) fn start_the_timed(stage: &mut Stage) -> io::Result<()> {
    let subjects = [
        Subject::AspnetInProc,
        Subject::AspnetStateServer,
        Subject::PhpFiles,
        Subject::Django,
    ];
    stage.settings(subjects).map(drop)
}

/// In the order of the document.
pub(crate) const CHAPTERS: [Chapter; 9] = [
    Chapter {
        name: "writes",
        judged: Judged::Times,
        run: writes::run,
    },
    Chapter {
        name: "store",
        judged: Judged::Counts,
        run: store::run,
    },
    Chapter {
        name: "lost",
        judged: Judged::Counts,
        run: lost::run,
    },
    Chapter {
        name: "others",
        judged: Judged::Times,
        run: others::run,
    },
    Chapter {
        name: "timeouts",
        judged: Judged::Counts,
        run: timeouts::run,
    },
    Chapter {
        name: "leavers",
        judged: Judged::Counts,
        run: leavers::run,
    },
    Chapter {
        name: "reads",
        judged: Judged::Times,
        run: reads::run,
    },
    Chapter {
        name: "long",
        judged: Judged::Counts,
        run: long::run,
    },
    Chapter {
        name: "browser",
        judged: Judged::Times,
        run: browser::run,
    },
];
