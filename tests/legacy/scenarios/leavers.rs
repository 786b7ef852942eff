//! Clients that leave while they wait: a user who clicks again and again, and what that costs the click that counts.

use std::io::{self, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use crate::applications::Page;
use crate::http::Client;

use super::load::{Fate, ask};
use super::{Way, pause};

/// How many leave, and what each asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) leavers: usize,
    pub(crate) ms: u64,
}

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leavers {
    /// Requests whose client had left, that the application worked off all the same.
    pub(crate) worked_off: i64,
    /// How long the user's next click took; the write before it had [`LEFT`] to go.
    pub(crate) next: Duration,
}

impl Leavers {
    /// One write runs, `leavers` of the same session wait behind it and leave, then the user clicks once more.
    pub(crate) fn measure(way: Way<'_>, size: Size) -> io::Result<Self> {
        let user = way.user()?;
        let [mut first, mut next] = <[Client; 2]>::try_from(way.connections(&user, 2)?)
            .expect("two connections were asked for");
        let before = way.counter(&user)?;
        let slow = way.page(Page::Write, 2 * SETTLE + LEFT);
        let (first, next) = thread::scope(|scope| {
            let first = scope.spawn(move || ask(&mut first, &slow));
            pause(Duration::from_millis(SETTLE));
            let gone = leave(way, &user, size);
            let next = gone.map(|()| ask(&mut next, &way.page(Page::Write, 0)));
            (first.join().expect("a load thread does not panic"), next)
        });
        let next = next?;
        if [first.fate, next.fate] != [Fate::Served; 2] {
            return Err(io::Error::other("a client that stayed was not served"));
        }
        let worked_off = settled(way, &user, size)? - before - 2;
        Ok(Self {
            worked_off,
            next: next.took,
        })
    }
}

/// Sends the requests, lets them wait, and closes their connections.
fn leave(way: Way<'_>, user: &Client, size: Size) -> io::Result<()> {
    let cookies: Vec<String> = user
        .cookies()
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\n\r\n",
        way.page(Page::Write, size.ms),
        way.address(),
        cookies.join("; ")
    );
    let mut waiting = Vec::new();
    for _ in 0..size.leavers {
        let mut stream = TcpStream::connect(way.address())?;
        stream.write_all(request.as_bytes())?;
        waiting.push(stream);
    }
    pause(Duration::from_millis(SETTLE));
    drop(waiting);
    Ok(())
}

/// The counter when it rises no more.
fn settled(way: Way<'_>, user: &Client, size: Size) -> io::Result<i64> {
    let mut counter = way.counter(user)?;
    loop {
        pause(Duration::from_millis(size.ms) + POLL * 2);
        let now = way.counter(user)?;
        if now == counter {
            return Ok(counter);
        }
        counter = now;
    }
}

/// Long enough for requests to arrive and wait, ms.
const SETTLE: u64 = 300;
/// What the running write has to go when the clients have left, ms.
pub(crate) const LEFT: u64 = 400;
/// How often ASP.NET looks for the lock.
const POLL: Duration = Duration::from_millis(500);
