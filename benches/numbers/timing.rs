//! An application that times hand-overs: from the last byte of a lane's response to the first byte of its next request.
//!
//! Each connection has a thread, which does nothing but wait for it, so that no lane's stamps wait for another lane's;
//! the time in the application varies, so that lanes do not fall into step. Guarantees: both stamps are taken beside the
//! calls that write and read, the first before its call, so that the time of that call counts, too.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::application;

/// A running application; its threads end with their connections, or with the process.
#[derive(Debug)]
pub(crate) struct Timing {
    address: SocketAddr,
    record: Arc<Record>,
}

#[derive(Debug, Default)]
struct Record(Mutex<Handovers>);

#[derive(Debug, Default)]
struct Handovers {
    /// When the last response of each lane began to be written.
    ended: [Option<Instant>; LANES],
    took: Vec<Duration>,
}

impl Timing {
    /// Starts it on a port of its own.
    pub(crate) fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let record = Arc::<Record>::default();
        let shared = Arc::clone(&record);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let record = Arc::clone(&shared);
                // An error is a peer that has closed: the load says so when that was wrong.
                thread::spawn(move || drop(record.serve(stream)));
            }
        });
        Ok(Self { address, record })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The hand-overs since this was last asked; they begin anew.
    pub(crate) fn handovers(&self) -> Vec<Duration> {
        std::mem::take(&mut *self.record.lock()).took
    }
}

impl Record {
    fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let (response, mut random) = (application::response(), fastrand::Rng::new());
        let mut buffer = vec![0; 4096];
        loop {
            let mut filled = stream.read(&mut buffer)?;
            let arrived = Instant::now();
            let lane = lane(&buffer[..filled]);
            if let Some(lane) = lane {
                self.begin(lane, arrived);
            }
            while !buffer[..filled].ends_with(b"\r\n\r\n") {
                match stream.read(&mut buffer[filled..])? {
                    0 => return Ok(()),
                    read => filled += read,
                }
            }
            if let Some(lane) = lane {
                pause(WORK.mul_f64(1.0 + random.f64()));
                self.end(lane);
            }
            stream.write_all(&response)?;
        }
    }

    fn begin(&self, lane: usize, arrived: Instant) {
        let mut handovers = self.lock();
        if let Some(ended) = handovers.ended[lane].take() {
            handovers.took.push(arrived.duration_since(ended));
        }
    }

    fn end(&self, lane: usize) {
        let mut handovers = self.lock();
        handovers.ended[lane] = Some(Instant::now());
    }

    fn lock(&self) -> MutexGuard<'_, Handovers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does nothing for a while. It stops its thread, which must have nothing else to do.
pub(crate) fn pause(duration: Duration) {
    let end = Instant::now() + duration;
    loop {
        match end.checked_duration_since(Instant::now()) {
            Some(rest) if !rest.is_zero() => thread::park_timeout(rest),
            _ => return,
        }
    }
}

fn lane(request: &[u8]) -> Option<usize> {
    let path = request
        .strip_prefix(b"GET ")?
        .strip_prefix(LANE.as_bytes())?;
    path.first()
        .map(|digit| usize::from(digit.wrapping_sub(b'0')) % LANES)
}

/// With a digit behind: the path of one lane. What is not in a lane is answered at once.
pub(crate) const LANE: &str = "/lane/";
/// How many of them there are.
pub(crate) const LANES: usize = 4;
/// How long a request in a lane is worked on, at least; twice that at most.
pub(crate) const WORK: Duration = Duration::from_millis(2);
