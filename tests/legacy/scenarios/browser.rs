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
    /// A new browser loads a page of the application, which gives it a session; then the page sends `size.writes` requests
    /// (XMLHttpRequest) at once.
    pub(crate) fn measure(way: Way<'_>, size: Size) -> io::Result<Self> {
        let browser = Browser::start()?;
        browser.load(way.address(), &way.page(Page::Write, 0))?;
        let path = way.page(Page::Write, size.ms);
        let timings = browser.run(REQUESTS, json!([path, size.writes]))?;
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

/// Sends the requests and gives out the browser's timings of those that were answered with 200. Each has an address of its
/// own, since Chromium sends no two requests for the same one at once, in the hope that the first answer can be cached.
const REQUESTS: &str = r"
const [path, number, done] = arguments;
performance.clearResourceTimings();
let left = number;
const served = new Set();
for (let i = 0; i < number; i++) {
  const request = new XMLHttpRequest();
  request.open('GET', path + '&request=' + i);
  request.onloadend = () => {
    if (request.status === 200) served.add(request.responseURL);
    if (--left === 0) setTimeout(() => done(performance.getEntriesByType('resource')
      .filter(entry => served.has(entry.name))
      .map(entry => ({ from: entry.fetchStart, to: entry.responseEnd }))), 100);
  };
  request.send();
}";
