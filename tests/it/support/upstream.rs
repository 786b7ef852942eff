//! The application, scripted: what it does with a request is said step by step, and it records everything it sees.
//!
//! Guarantees: requests are numbered in the order in which their heads arrived; a request counts as inside from its head
//! to just before its last bytes, so that what the proxy does upon the last byte is never mistaken for an overlap.
//! Writers that are inside together, and sequence numbers (`X-Seq`) of one session that arrive backwards, are counted.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io::{self, Read};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use socket2::{Domain, SockRef, Socket, Type};

use super::DEADLINE;
use super::wire::{Head, Wire};

/// A running application; dropping it closes its connections.
#[derive(Debug)]
pub(crate) struct Upstream {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// An address that refuses connections until the application starts there.
#[derive(Debug)]
pub(crate) struct Reserved {
    socket: Socket,
    address: SocketAddr,
}

/// One step of what the application does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Closes the connection (FIN).
    Close,
    /// Sends back whatever comes, until the other side ends.
    Echo,
    /// Waits until the test releases the request (each release opens one `Hold`).
    Hold,
    /// Reads the request body to its end.
    ReadBody,
    /// Resets the connection (RST).
    Reset,
    /// Sends these bytes.
    Send(Vec<u8>),
    /// Sends the bytes in pieces, with a pause before each.
    SendSlowly {
        bytes: Vec<u8>,
        piece: usize,
        pause: Duration,
    },
    /// Works for a while.
    Work(Duration),
}

/// What the application does with a new connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OnAccept {
    Close,
    /// Never reads.
    Ignore,
    Reset,
    Say(&'static [u8]),
    Serve,
}

/// A request as the application saw it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// In order of arrival, from 0.
    pub(crate) number: usize,
    /// Which of the application's connections, from 0.
    pub(crate) connection: usize,
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) head: Head,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Head,
    /// The cookie `sid`.
    pub(crate) session: Option<String>,
    /// Who of the same session was inside at its arrival.
    pub(crate) with: Vec<usize>,
    pub(crate) arrived: Instant,
    /// When it left again; None while it is inside.
    pub(crate) left: Option<Instant>,
}

/// A request that the test has seen arrive.
pub(crate) struct Arrived<'a> {
    app: &'a Upstream,
    pub(crate) seen: Seen,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    scripts: HashMap<String, Script>,
    on_accept: Option<OnAccept>,
    records: Records,
    requests: BTreeMap<usize, Record>,
    arrived: usize,
    taken: usize,
    connections: usize,
    open: HashMap<usize, Arc<TcpStream>>,
    inside: HashMap<String, Vec<Inside>>,
    newest: HashMap<String, u64>,
    violations: usize,
    inversions: usize,
    stopping: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Records {
    #[default]
    Keep,
    /// For long runs: what has left is forgotten.
    Forget,
}

struct Record {
    seen: Seen,
    releases: usize,
    body_read: bool,
    stream: Option<Arc<TcpStream>>,
}

struct Inside {
    number: usize,
    kind: Kind,
}

/// What the client said that the request is (`X-Kind`), for the exclusion check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Says nothing about others.
    Free,
    /// May be inside with others of its kind only.
    Share,
    /// Must be inside alone.
    Write,
}

type Script = Arc<dyn Fn(&Seen) -> Vec<Step> + Send + Sync>;
type Connection = Wire<TcpStream>;

/// What follows a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    End,
    NextRequest,
}

impl Upstream {
    /// Starts on a free port; every path answers 200 until told otherwise.
    pub(crate) fn start() -> Self {
        Self::reserve().start()
    }

    /// A free port that refuses connections for now.
    pub(crate) fn reserve() -> Reserved {
        Self::reserve_again(([127, 0, 0, 1], 0).into())
    }

    /// The place of an application that has ended; refuses connections for now.
    pub(crate) fn reserve_again(address: SocketAddr) -> Reserved {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        // Connections of its last life may linger; a free port is nobody else's, so it is not asked for this way.
        socket.set_reuse_address(address.port() != 0).unwrap();
        socket.bind(&address.into()).unwrap();
        socket.set_reuse_address(true).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        Reserved { socket, address }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on requests for `path` go by `steps`.
    pub(crate) fn on(&self, path: &str, steps: impl Into<Vec<Step>>) {
        let steps = steps.into();
        self.on_each(path, move |_| steps.clone());
    }

    /// From now on `script` decides for each request for `path`; the path `*` stands for all that have no script.
    pub(crate) fn on_each(
        &self,
        path: &str,
        script: impl Fn(&Seen) -> Vec<Step> + Send + Sync + 'static,
    ) {
        self.state().scripts.insert(path.into(), Arc::new(script));
    }

    /// What happens to connections from now on.
    pub(crate) fn on_accept(&self, on_accept: OnAccept) {
        self.state().on_accept = Some(on_accept);
    }

    /// Forget each request when it has left: for long runs.
    pub(crate) fn forget_what_left(&self) {
        self.state().records = Records::Forget;
    }

    /// The next request, in order of arrival, that the test has not taken yet; waits for it.
    #[track_caller]
    pub(crate) fn arrival(&self) -> Arrived<'_> {
        let mut state = self.wait("another request arrives", |state| {
            state.requests.contains_key(&state.taken)
        });
        let number = state.taken;
        state.taken += 1;
        Arrived {
            app: self,
            seen: state.requests[&number].seen.clone(),
        }
    }

    /// All requests so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.state()
            .requests
            .values()
            .map(|record| record.seen.clone())
            .collect()
    }

    /// The targets of all requests so far, in order of arrival.
    pub(crate) fn targets(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.target).collect()
    }

    /// How many requests have arrived.
    pub(crate) fn arrived(&self) -> usize {
        self.state().arrived
    }

    /// Requests that are inside now.
    pub(crate) fn inside(&self) -> usize {
        self.state().inside.values().map(Vec::len).sum()
    }

    /// Connections so far.
    pub(crate) fn connections(&self) -> usize {
        self.state().connections
    }

    /// Connections that are open now.
    pub(crate) fn open_connections(&self) -> usize {
        self.state().open.len()
    }

    /// Closes every open connection, as an application does with idle ones; returns when that has been sent.
    pub(crate) fn close_connections(&self) {
        for stream in self.state().open.values() {
            stream.shutdown(Shutdown::Both).ok();
        }
    }

    /// Times that a writer was inside together with another writer or a sharing reader of its session.
    pub(crate) fn exclusion_violations(&self) -> usize {
        self.state().violations
    }

    /// Times that a request of a session arrived after one with a higher `X-Seq`.
    pub(crate) fn fifo_inversions(&self) -> usize {
        self.state().inversions
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }

    #[track_caller]
    fn wait(&self, what: &str, mut ready: impl FnMut(&State) -> bool) -> MutexGuard<'_, State> {
        let waiting = self
            .shared
            .changed
            .wait_timeout_while(self.state(), DEADLINE, |state| !ready(state));
        let (state, outcome) = waiting.unwrap_or_else(PoisonError::into_inner);
        assert!(
            !outcome.timed_out(),
            "did not happen within {DEADLINE:?}: {what}"
        );
        state
    }
}

impl Reserved {
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on connections are accepted.
    pub(crate) fn start(self) -> Upstream {
        self.socket.listen(1024).unwrap();
        let listener = TcpListener::from(self.socket);
        let shared = Arc::new(Shared::default());
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || accept(&listener, &accepting));
        Upstream {
            address: self.address,
            shared,
        }
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.state().stopping = true;
        self.shared.changed.notify_all();
        self.close_connections();
        drop(TcpStream::connect(self.address)); // wakes the acceptor
    }
}

impl Arrived<'_> {
    /// Lets it go on, from its first `Hold` on which it waits or will wait.
    pub(crate) fn release(&self) {
        if let Some(record) = self.app.state().requests.get_mut(&self.seen.number) {
            record.releases += 1;
        }
        self.app.shared.changed.notify_all();
    }

    /// The request with its body, as soon as the application has read it.
    #[track_caller]
    pub(crate) fn with_body(&self) -> Seen {
        let number = self.seen.number;
        let state = self.app.wait("the body arrives", |state| {
            state.requests[&number].body_read
        });
        state.requests[&number].seen.clone()
    }

    /// Waits until the application has finished with it.
    #[track_caller]
    pub(crate) fn left(&self) {
        let number = self.seen.number;
        drop(self.app.wait("the application finishes", |state| {
            state.requests[&number].seen.left.is_some()
        }));
    }

    /// Whether the proxy keeps the connection of this request, which the application still holds.
    pub(crate) fn peer_is_there(&self) -> bool {
        let stream = self.stream();
        stream.set_nonblocking(true).unwrap();
        let peeked = stream.peek(&mut [0]);
        stream.set_nonblocking(false).unwrap();
        peeked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    fn stream(&self) -> Arc<TcpStream> {
        let requests = &self.app.state().requests;
        requests[&self.seen.number]
            .stream
            .clone()
            .expect("it is still inside")
    }

    /// Waits until the proxy closes the connection of this request, which the application still holds.
    #[track_caller]
    pub(crate) fn peer_left(&self) {
        let stream = self.stream();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let peeked = loop {
            match stream.peek(&mut [0]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                peeked => break peeked,
            }
        };
        match peeked {
            Ok(0) => {}
            Ok(_) => panic!("the proxy sent more instead of leaving"),
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{error}"),
        }
        stream.set_read_timeout(None).unwrap();
    }
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.header(name)
    }

    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The value of `name=value` in the query.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        let (_, query) = self.target.split_once('?')?;
        query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }
}

impl fmt::Debug for Arrived<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.seen.fmt(f)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared")
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records the request `head`, and returns it with its script.
    fn enter(&self, connection: usize, head: &Head, stream: &Arc<TcpStream>) -> (Seen, Vec<Step>) {
        let mut state = self.state();
        let number = state.arrived;
        state.arrived += 1;
        let mut start = head.start.split(' ');
        let mut seen = Seen {
            number,
            connection,
            method: start.next().unwrap_or_default().into(),
            target: start.next().unwrap_or_default().into(),
            head: head.clone(),
            body: Vec::new(),
            trailers: Head::default(),
            session: session_of(head),
            with: Vec::new(),
            arrived: Instant::now(),
            left: None,
        };
        state.count_entry(&mut seen);
        let script = state
            .scripts
            .get(seen.path())
            .or_else(|| state.scripts.get("*"))
            .cloned();
        let record = Record {
            seen: seen.clone(),
            releases: 0,
            body_read: false,
            stream: Some(Arc::clone(stream)),
        };
        state.requests.insert(number, record);
        drop(state);
        self.changed.notify_all();
        let steps = script.map_or_else(
            || vec![Step::ReadBody, Step::Send(answer(200, "ok"))],
            |script| script(&seen),
        );
        (seen, steps)
    }

    fn leave(&self, seen: &Seen) {
        let mut state = self.state();
        if let Some(inside) = seen
            .session
            .as_ref()
            .and_then(|session| state.inside.get_mut(session))
        {
            inside.retain(|inside| inside.number != seen.number);
        }
        if let Some(record) = state.requests.get_mut(&seen.number) {
            record.seen.left.get_or_insert_with(Instant::now);
        }
        drop(state);
        self.changed.notify_all();
    }

    /// The connection is no longer this request's.
    fn end(&self, seen: &Seen) {
        self.leave(seen);
        let mut state = self.state();
        if state.records == Records::Forget {
            state.requests.remove(&seen.number);
            state.taken = state.arrived;
        } else if let Some(record) = state.requests.get_mut(&seen.number) {
            record.stream = None;
        }
    }

    fn hold(&self, number: usize) {
        let held = |state: &mut State| !state.stopping && state.requests[&number].releases == 0;
        let mut state = self
            .changed
            .wait_while(self.state(), held)
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(record) = state.requests.get_mut(&number) {
            record.releases = record.releases.saturating_sub(1);
        }
    }

    fn work(&self, time: Duration) {
        drop(
            self.changed
                .wait_timeout_while(self.state(), time, |state| !state.stopping),
        );
    }
}

impl State {
    fn count_entry(&mut self, seen: &mut Seen) {
        let Some(session) = seen.session.clone() else {
            return;
        };
        let kind = match seen.header("x-kind") {
            Some("write") => Kind::Write,
            Some("share") => Kind::Share,
            _ => Kind::Free,
        };
        let inside = self.inside.entry(session.clone()).or_default();
        seen.with = inside.iter().map(|inside| inside.number).collect();
        let conflicts = |other: &Inside| {
            matches!(
                (kind, other.kind),
                (Kind::Write, Kind::Write | Kind::Share) | (Kind::Share, Kind::Write)
            )
        };
        self.violations += inside.iter().filter(|other| conflicts(other)).count();
        inside.push(Inside {
            number: seen.number,
            kind,
        });
        if let Some(seq) = seen.header("x-seq").and_then(|seq| seq.parse::<u64>().ok()) {
            let newest = self.newest.entry(session).or_insert(0);
            self.inversions += usize::from(seq < *newest);
            *newest = seq.max(*newest);
        }
    }
}

/// Reads the request, waits for its release, answers.
pub(crate) fn held() -> Vec<Step> {
    vec![Step::ReadBody, Step::Hold, Step::Send(answer(200, "done"))]
}

/// Sends half of a response, waits for a release, sends the rest; each after a release when `Step::Hold` comes first.
pub(crate) fn in_halves(head: &str) -> [Step; 3] {
    let first = format!("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n{head}\r\nhalf").into_bytes();
    [Step::Send(first), Step::Hold, Step::Send(b"rest".to_vec())]
}

/// A whole response with a Content-Length.
pub(crate) fn answer(status: u16, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut bytes = format!(
        "HTTP/1.1 {status} Scripted\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// A whole response with a chunked body.
pub(crate) fn chunked(pieces: &[&str]) -> Vec<u8> {
    let chunks: String = pieces
        .iter()
        .map(|piece| format!("{:x}\r\n{piece}\r\n", piece.len()))
        .collect();
    format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n").into_bytes()
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        let mut state = shared.state();
        if state.stopping {
            return;
        }
        let Ok(stream) = stream else { continue };
        stream.set_nodelay(true).ok();
        let stream = Arc::new(stream);
        let number = state.connections;
        state.connections += 1;
        let on_accept = state.on_accept.clone().unwrap_or(OnAccept::Serve);
        if on_accept != OnAccept::Reset {
            state.open.insert(number, Arc::clone(&stream));
        }
        drop(state);
        let shared = Arc::clone(shared);
        std::thread::spawn(move || {
            let ended = converse(stream, number, &on_accept, &shared);
            drop(ended); // the other side may leave at any point
            shared.state().open.remove(&number);
        });
    }
}

fn converse(
    stream: Arc<TcpStream>,
    number: usize,
    on_accept: &OnAccept,
    shared: &Shared,
) -> io::Result<()> {
    let mut connection = Connection::new(stream);
    match on_accept {
        OnAccept::Close => return Ok(()),
        OnAccept::Ignore => {
            let stopping = shared
                .changed
                .wait_while(shared.state(), |state| !state.stopping);
            drop(stopping);
            return Ok(());
        }
        OnAccept::Reset => {
            return SockRef::from(connection.stream().as_ref()).set_linger(Some(Duration::ZERO));
        }
        OnAccept::Say(bytes) => connection.send(bytes)?,
        OnAccept::Serve => {}
    }
    while let Some(head) = connection.head()? {
        let (mut seen, steps) = shared.enter(number, &head, connection.stream());
        let then = perform(&mut connection, &mut seen, &steps, shared);
        shared.end(&seen);
        if then? == Then::End {
            break;
        }
    }
    Ok(())
}

fn perform(
    connection: &mut Connection,
    seen: &mut Seen,
    steps: &[Step],
    shared: &Shared,
) -> io::Result<Then> {
    let mut body_read = false;
    let mut reset = false;
    let finale = finale(steps);
    for (position, step) in steps.iter().enumerate() {
        if position == finale {
            shared.leave(seen);
        }
        match step {
            Step::Close => return Ok(Then::End),
            Step::Echo => return echo(connection).map(|()| Then::End),
            Step::Hold => shared.hold(seen.number),
            Step::ReadBody => {
                read_body(connection, seen, shared)?;
                body_read = true;
            }
            Step::Reset => reset = true,
            Step::Send(bytes) => connection.send(bytes)?,
            Step::SendSlowly {
                bytes,
                piece,
                pause,
            } => {
                let mut pieces = bytes.chunks(*piece).peekable();
                while let Some(piece) = pieces.next() {
                    shared.work(*pause);
                    if pieces.peek().is_none() && position + 1 == finale {
                        shared.leave(seen);
                    }
                    connection.send(piece)?;
                }
            }
            Step::Work(time) => shared.work(*time),
        }
    }
    if reset {
        shared.state().open.remove(&seen.connection);
        SockRef::from(connection.stream().as_ref()).set_linger(Some(Duration::ZERO))?;
        return Ok(Then::End);
    }
    if !body_read {
        read_body(connection, seen, shared)?;
    }
    Ok(Then::NextRequest)
}

/// The first of the last steps, which take no time: from there on the proxy may know that the request has finished.
fn finale(steps: &[Step]) -> usize {
    let takes_time = |step: &Step| !matches!(step, Step::Close | Step::Reset | Step::Send(_));
    steps
        .iter()
        .rposition(takes_time)
        .map_or(0, |position| position + 1)
}

fn read_body(connection: &mut Connection, seen: &mut Seen, shared: &Shared) -> io::Result<()> {
    let read = connection.body(seen.head.request_framing(), &mut seen.body);
    let mut state = shared.state();
    if let Some(record) = state.requests.get_mut(&seen.number) {
        record.seen.body.clone_from(&seen.body);
        if let Ok(trailers) = &read {
            record.seen.trailers = trailers.clone();
            record.body_read = true;
        }
    }
    drop(state);
    shared.changed.notify_all();
    read.map(drop)
}

fn echo(connection: &mut Connection) -> io::Result<()> {
    let early = connection.take_unread();
    connection.send(early)?;
    let mut piece = [0; 4096];
    loop {
        match connection.stream().as_ref().read(&mut piece)? {
            0 => return Ok(()),
            read => connection.send(&piece[..read])?,
        }
    }
}

fn session_of(head: &Head) -> Option<String> {
    let cookies = head.all("cookie");
    let mut pairs = cookies.iter().flat_map(|line| line.split(';'));
    pairs
        .find_map(|pair| pair.trim().strip_prefix("sid="))
        .map(str::to_owned)
}
