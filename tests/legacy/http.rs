//! A client with cookies, as a browser has them; and many of them at the same moment.
//!
//! Guarantees: every answer is a value, whatever its status; cookies that a response sets are sent from then on.
//! Does not do: follow redirects.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::panic::resume_unwind;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

/// One user of a site; requests go one after another on one connection.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    agent: ureq::Agent,
    base: String,
    cookies: BTreeMap<String, String>,
    headers: Vec<(String, String)>,
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Client {
    /// A new user of what listens on `address`.
    pub(crate) fn new(address: SocketAddr) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(PATIENCE));
        Self {
            agent: config.build().into(),
            base: format!("http://{address}"),
            cookies: BTreeMap::new(),
            headers: Vec::new(),
        }
    }

    /// The same user on another connection: a browser opens several.
    pub(crate) fn again(&self, address: SocketAddr) -> Self {
        Self {
            cookies: self.cookies.clone(),
            headers: self.headers.clone(),
            ..Self::new(address)
        }
    }

    /// Sends this header with every request from now on.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets a cookie, as a response does.
    pub(crate) fn cookie(mut self, name: &str, value: &str) -> Self {
        self.cookies.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The cookies that it has.
    pub(crate) fn cookies(&self) -> &BTreeMap<String, String> {
        &self.cookies
    }

    /// GET `path`.
    ///
    /// # Errors
    /// When no whole answer came.
    pub(crate) fn get(&mut self, path: &str) -> io::Result<Answer> {
        let mut request = self.agent.get(format!("{}{path}", self.base));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if !self.cookies.is_empty() {
            let pairs: Vec<String> = self
                .cookies
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            request = request.header("cookie", pairs.join("; "));
        }
        let mut response = request.call().map_err(io::Error::other)?;
        let headers: Vec<(String, String)> = response
            .headers()
            .iter()
            .map(|(name, value)| {
                (
                    name.as_str().to_owned(),
                    String::from_utf8_lossy(value.as_bytes()).into_owned(),
                )
            })
            .collect();
        self.learn(&headers);
        Ok(Answer {
            status: response.status().as_u16(),
            headers,
            body: response
                .body_mut()
                .read_to_string()
                .map_err(io::Error::other)?,
        })
    }

    fn learn(&mut self, headers: &[(String, String)]) {
        for (name, line) in headers {
            let pair = line.split(';').next().and_then(|pair| pair.split_once('='));
            if let (true, Some((cookie, value))) = (name == "set-cookie", pair) {
                self.cookies
                    .insert(cookie.trim().to_owned(), value.trim().to_owned());
            }
        }
    }
}

impl Answer {
    /// The first value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Does something with each of these, each on a thread of its own and all from the same moment: that moment, and what came
/// of each, in their order.
pub(crate) fn at_the_same_moment<A: Send, B: Send>(
    these: Vec<A>,
    act: impl Fn(A) -> B + Sync,
) -> (Instant, Vec<B>) {
    let (start, act) = (&Barrier::new(these.len() + 1), &act);
    thread::scope(|scope| {
        let threads: Vec<_> = these
            .into_iter()
            .map(|this| {
                scope.spawn(move || {
                    start.wait();
                    act(this)
                })
            })
            .collect();
        let began = Instant::now();
        start.wait();
        let ended = threads.into_iter().map(thread::ScopedJoinHandle::join);
        let came = ended.map(|end| end.unwrap_or_else(|panic| resume_unwind(panic)));
        (began, came.collect())
    })
}

/// The longest that a request may take: longer than every time limit that is tried out.
const PATIENCE: Duration = Duration::from_secs(180);
