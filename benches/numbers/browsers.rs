//! Users that come in an open loop: at exponential intervals, each on a connection and a thread of their own.
//!
//! A request counts from when it was due, if its connection was busy then; a load thread that woke late is the benchmark's
//! fault and does not count. Guarantees: an answer other than 200 or 429 is an error, and a refusal is counted as such,
//! not as an answer.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::application::AT_ONCE;
use crate::load::{Fleet, Sessions, TOO_MANY_REQUESTS};
use crate::process::Onelane;
use crate::timing::pause;
use crate::wire::{Head, Request};

/// Some users.
#[derive(Debug)]
pub(crate) struct Browsers(Vec<Browser>);

#[derive(Debug)]
struct Browser {
    stream: TcpStream,
    request: Request,
    buffer: Vec<u8>,
    random: fastrand::Rng,
}

/// What they saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// From request to answer.
    pub(crate) latencies: Vec<Duration>,
    /// Answers 429.
    pub(crate) refused: usize,
    /// Whatever else went wrong.
    pub(crate) errors: usize,
}

/// What became of one request.
enum Answer {
    Refused,
    Served,
}

impl Browsers {
    /// `number` users with a session each, at the usual address.
    pub(crate) fn connect(to: SocketAddr, number: u8) -> io::Result<Self> {
        let from = |_| Ipv4Addr::LOCALHOST;
        Self::connect_from((0..number).map(from), to)
    }

    /// A user with a session of their own at each of these loopback addresses.
    pub(crate) fn connect_from(
        addresses: impl IntoIterator<Item = Ipv4Addr>,
        to: SocketAddr,
    ) -> io::Result<Self> {
        (0..)
            .zip(addresses)
            .map(|(number, from)| Browser::connect(from, to, number))
            .collect::<io::Result<_>>()
            .map(Self)
    }

    /// All of them browse for one turn, at `rate` requests per second together.
    pub(crate) fn browse(&mut self, rate: f64, turn: Duration) -> Seen {
        let interval = self.0.len() as f64 / rate;
        let mut seen = Seen::default();
        thread::scope(|scope| {
            let threads: Vec<_> = self
                .0
                .iter_mut()
                .map(|browser| scope.spawn(move || browser.browse(interval, turn)))
                .collect();
            for thread in threads {
                seen.add(thread.join().expect("a browser's thread does not panic"));
            }
        });
        seen
    }

    /// The most requests per second that are answered to them: of `offered`, which is more than can be, what comes
    /// through. Late requests are sent one after another, so it takes longer than a turn.
    pub(crate) fn saturation(&mut self, offered: f64, turn: Duration) -> f64 {
        let started = Instant::now();
        let seen = self.browse(offered, turn);
        seen.latencies.len() as f64 / started.elapsed().as_secs_f64()
    }
}

/// Answers per second in a closed loop, of as many connections.
pub(crate) fn saturation(onelane: &Onelane, connections: u8) -> io::Result<f64> {
    let requests = (0..connections)
        .map(|_| Request::of_new_session(AT_ONCE))
        .collect();
    let mut fleet = Fleet::connect(onelane.address(), requests)?;
    fleet.run(SATURATION / 4, Sessions::Own)?;
    let took = fleet.run(SATURATION, Sessions::Own)?;
    Ok(SATURATION as f64 / took.as_secs_f64())
}

impl Browser {
    fn connect(from: Ipv4Addr, to: SocketAddr, number: u64) -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddr::from((from, 0)).into())?;
        socket.connect(&to.into())?;
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let (request, random) = (
            Request::of_new_session(AT_ONCE),
            fastrand::Rng::with_seed(number),
        );
        Ok(Self {
            stream,
            request,
            buffer: vec![0; 4096],
            random,
        })
    }

    fn browse(&mut self, interval: f64, turn: Duration) -> Seen {
        let mut seen = Seen::default();
        let end = Instant::now() + turn;
        let mut due = Instant::now();
        loop {
            due += Duration::from_secs_f64(-interval * (1.0 - self.random.f64()).ln());
            if due >= end {
                return seen;
            }
            let from = match due.checked_duration_since(Instant::now()) {
                None => due,
                Some(early) => {
                    pause(early);
                    Instant::now()
                }
            };
            match self.visit() {
                Ok(Answer::Served) => seen.latencies.push(from.elapsed()),
                Ok(Answer::Refused) => seen.refused += 1,
                Err(_) => {
                    seen.errors += 1;
                    return seen; // its connection is of no more use
                }
            }
        }
    }

    fn visit(&mut self) -> io::Result<Answer> {
        self.stream.write_all(self.request.bytes())?;
        let mut filled = 0;
        loop {
            let read = self.stream.read(&mut self.buffer[filled..])?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            filled += read;
            match Head::parse(&self.buffer[..filled])? {
                Some(head) if filled < head.length => {}
                Some(head) if head.status == TOO_MANY_REQUESTS => return Ok(Answer::Refused),
                Some(head) => return head.ok().map(|()| Answer::Served),
                None => {}
            }
        }
    }
}

impl Seen {
    /// Both.
    pub(crate) fn add(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        self.refused += other.refused;
        self.errors += other.errors;
    }
}

/// Requests that saturation is measured with.
const SATURATION: usize = 60_000;
