//! Real Chromium: a page that sends requests in the background all at once, and the browser's own resource timings.
//!
//! A browser opens six connections to a host over HTTP/1.1, and holds further requests back until one is free. So no more
//! than six are in the application or wait in front of it at a time; the time in the browser's own line is part of the
//! figures, since the user waits for it as well.

use std::io;
use std::time::Duration;

use serde_json::{Value, json};

use crate::applications::Page;

use super::webdriver::Browser;
use super::writes::Size;
use super::{Way, median};

/// What the browser says of its requests.
#[derive(Clone, Debug)]
pub(crate) struct Timings {
    /// `responseEnd - fetchStart` of each.
    took: Vec<Duration>,
    /// From the first `fetchStart` to the last `responseEnd`.
    pub(crate) total: Duration,
}

impl Timings {
    /// A new browser loads a page of the application, which gives it a session, and then the one at `path`, which sends
    /// `size.writes` requests (XMLHttpRequest) at once to the page that writes.
    pub(crate) fn measure(way: Way<'_>, path: &str, size: Size) -> io::Result<Self> {
        let browser = Browser::start()?;
        browser.load(way.address(), &way.page(Page::Write, 0))?;
        browser.load(way.address(), &format!("{path}?ms={}", size.ms))?;
        let write = (way.application.spell)(Page::Write);
        let timings = browser.run(TIMINGS, &json!([write]))?;
        Self::parse(&timings, size.writes)
    }

    fn parse(timings: &Value, requests: usize) -> io::Result<Self> {
        let wrong = || io::Error::other(format!("{requests} were sent, but: {timings}"));
        let times: Option<Vec<(f64, f64)>> = timings.as_array().and_then(|all| {
            all.iter()
                .map(|one| Some((one["from"].as_f64()?, one["to"].as_f64()?)))
                .collect()
        });
        let times = times
            .filter(|times| times.len() == requests)
            .ok_or_else(wrong)?;
        let first = times.iter().map(|(from, _)| *from).fold(f64::MAX, f64::min);
        let last = times.iter().map(|(_, to)| *to).fold(0.0, f64::max);
        let ms = |ms: f64| Duration::from_secs_f64(ms.max(0.0) / 1e3);
        Ok(Self {
            took: times.iter().map(|(from, to)| ms(to - from)).collect(),
            total: ms(last - first),
        })
    }

    /// The median of their times.
    pub(crate) fn median(&self) -> Duration {
        median(self.took.clone())
    }

    /// The longest of their times.
    pub(crate) fn longest(&self) -> Duration {
        self.took.iter().copied().max().unwrap_or_default()
    }
}

/// Waits for the page, and gives out the browser's timings of those of its requests that were answered with 200.
const TIMINGS: &str = r"
const [path, done] = arguments;
const look = () => {
  if (document.title !== 'done') { setTimeout(look, 50); return; }
  done(performance.getEntriesByType('resource')
    .filter(entry => entry.name.includes(path) && entry.responseStatus === 200)
    .map(entry => ({ from: entry.fetchStart, to: entry.responseEnd })));
};
look();";
