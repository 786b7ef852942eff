//! The load: keep-alive connections that send requests made beforehand, all on the thread that calls.
//!
//! Guarantees: a connection has one request at a time; an answer other than 200, or than what was allowed, ends the run
//! with an error. Does not do: reconnect.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use crate::identity::{Identity, NAME};
use crate::wire::{Head, Request};

/// Clients, each with its connection and what it sends.
#[derive(Debug)]
pub(crate) struct Fleet {
    runtime: Runtime,
    clients: Vec<Client>,
}

#[derive(Debug)]
struct Client {
    stream: Box<dyn Stream>,
    request: Request,
    buffer: Vec<u8>,
    allowed: Allowed,
    /// Answers that were refusals.
    refused: usize,
}

/// TCP, or TLS on it.
trait Stream: AsyncRead + AsyncWrite + Unpin + fmt::Debug {}

impl<S: AsyncRead + AsyncWrite + Unpin + fmt::Debug> Stream for S {}

/// Which answers are no errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Allowed {
    /// 200.
    Served,
    /// 429.
    Refused,
    /// Both.
    Either,
}

/// Whose requests those of a run are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sessions {
    /// Each client keeps its session and address.
    Own,
    /// Another session or address with each request.
    Random,
}

impl Fleet {
    /// Connects one client for each request, one after another; they spread over `ADDRESSES` loopback addresses.
    pub(crate) fn connect(to: SocketAddr, requests: Vec<Request>) -> io::Result<Self> {
        Self::connect_over(to, requests, None)
    }

    /// The same, over TLS when there is an identity that the other end has.
    pub(crate) fn connect_over(
        to: SocketAddr,
        requests: Vec<Request>,
        identity: Option<&Identity>,
    ) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let clients = runtime.block_on(async {
            let mut clients = Vec::with_capacity(requests.len());
            for (request, last) in requests.into_iter().zip((1..=ADDRESSES).cycle()) {
                clients.push(Client::connect(last, to, request, identity).await?);
            }
            io::Result::Ok(clients)
        })?;
        Ok(Self { runtime, clients })
    }

    /// Which answers are no errors from now on; 200 alone, at first.
    pub(crate) fn allow(&mut self, allowed: Allowed) {
        for client in &mut self.clients {
            client.allowed = allowed;
        }
    }

    /// How many answers were refusals so far.
    pub(crate) fn refused(&self) -> usize {
        self.clients.iter().map(|client| client.refused).sum()
    }

    /// Changes what a client sends.
    pub(crate) fn assign(&mut self, client: usize, request: Request) {
        self.clients[client].request = request;
    }

    /// Closes the connections of all clients but these, which stay in this order.
    pub(crate) fn keep(&mut self, clients: &[usize]) {
        let mut all: Vec<_> = self.clients.drain(..).map(Some).collect();
        self.clients = clients
            .iter()
            .filter_map(|client| all[*client].take())
            .collect();
    }

    /// Closed loop: everybody sends as soon as the last answer is there, until there are `total` answers.
    pub(crate) fn run(&mut self, total: usize, sessions: Sessions) -> io::Result<Duration> {
        let left = Cell::new(total);
        let started = Instant::now();
        let all = self
            .clients
            .iter_mut()
            .map(|client| client.run(&left, sessions));
        self.runtime.block_on(try_join_all(all))?;
        Ok(started.elapsed())
    }

    /// One client alone sends and takes the answer, `times` times.
    pub(crate) fn one(&mut self, client: usize, times: usize) -> io::Result<()> {
        let left = Cell::new(times);
        self.runtime
            .block_on(self.clients[client].run(&left, Sessions::Own))
    }

    /// Everybody of `clients` sends one request, in this order, and awaits nothing.
    pub(crate) fn send(&mut self, clients: std::ops::Range<usize>) -> io::Result<()> {
        self.runtime.block_on(async {
            for client in &mut self.clients[clients] {
                client.stream.write_all(client.request.bytes()).await?;
            }
            Ok(())
        })
    }

    /// Everybody takes the answer to what [`Self::send`] sent.
    pub(crate) fn receive(&mut self) -> io::Result<()> {
        let all = self.clients.iter_mut().map(Client::receive);
        self.runtime
            .block_on(async { timeout(PATIENCE, try_join_all(all)).await? })?;
        Ok(())
    }
}

impl Client {
    async fn connect(
        last: u8,
        to: SocketAddr,
        request: Request,
        identity: Option<&Identity>,
    ) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)), 0).into())?;
        let stream = socket.connect(to).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream: secured(stream, identity).await?,
            request,
            buffer: vec![0; 4096],
            allowed: Allowed::Served,
            refused: 0,
        })
    }

    async fn run(&mut self, left: &Cell<usize>, sessions: Sessions) -> io::Result<()> {
        while let Some(less) = left.get().checked_sub(1) {
            left.set(less);
            if sessions == Sessions::Random {
                self.request.change();
            }
            self.stream.write_all(self.request.bytes()).await?;
            self.receive().await?;
        }
        Ok(())
    }

    async fn receive(&mut self) -> io::Result<()> {
        let mut filled = 0;
        loop {
            let read = self.stream.read(&mut self.buffer[filled..]).await?;
            if read == 0 {
                return Err(io::Error::other(
                    "a connection was closed, or the head of a response is too long",
                ));
            }
            filled += read;
            match Head::parse(&self.buffer[..filled])? {
                Some(head) if filled >= head.length => return self.answered(head),
                Some(head) if head.length > self.buffer.len() => self.buffer.resize(head.length, 0),
                _ => {}
            }
        }
    }

    fn answered(&mut self, head: Head) -> io::Result<()> {
        let refused = head.status == TOO_MANY_REQUESTS;
        self.refused += usize::from(refused);
        match self.allowed {
            Allowed::Refused if !refused => Err(io::Error::other("a request was not refused")),
            Allowed::Refused | Allowed::Either if refused => Ok(()),
            Allowed::Refused | Allowed::Either | Allowed::Served => head.ok(),
        }
    }
}

async fn secured(stream: TcpStream, identity: Option<&Identity>) -> io::Result<Box<dyn Stream>> {
    let Some(identity) = identity else {
        return Ok(Box::new(stream));
    };
    let name = ServerName::try_from(NAME).map_err(io::Error::other)?;
    let connector = identity.connector()?;
    Ok(Box::new(connector.connect(name, stream).await?))
}

/// What the throttle refuses with.
pub(crate) const TOO_MANY_REQUESTS: u16 = 429;

/// Source addresses 127.0.0.1 and up: one client may hold only a quarter of all places to wait.
const ADDRESSES: u8 = 8;
/// For answers that were held.
const PATIENCE: Duration = Duration::from_secs(60);
