//! Buffers: 2,000 uploads that stall half-way and 2,000 downloads that nobody reads, at once, within `buffer_memory` and
//! a constant for each connection; and everything comes back.
//!
//! The downloads' clients announce small segments and a small window, as over a network: over loopback the kernel alone
//! would take a whole page. What the kernel holds is a figure of its own. Guarantees: in the end all uploads are answered
//! and all downloads are read to their last byte.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::application::{Application, PAGE};
use crate::proc;
use crate::process::{Onelane, until};
use crate::report::{Section, count, kibibytes, megabytes};
use crate::wire::{Head, Request};

/// What Onelane holds.
#[derive(Clone, Copy, Debug)]
struct Held {
    resident: f64,
    buffers: f64,
    spooled: f64,
    /// The kernel's, for all sockets of the machine.
    kernel: f64,
}

/// Measures memory and temporary files.
pub(crate) fn run(application: &Application) -> io::Result<Section> {
    let onelane = Onelane::start(application.address(), CONFIG)?;
    let before = Held::now(&onelane)?;
    let (mut uploads, mut downloads) = (Vec::new(), Vec::new());
    for _ in 0..EACH {
        uploads.push(upload(onelane.address())?);
        downloads.push(download(onelane.address())?);
    }
    settle(&onelane)?;
    let full = Held::now(&onelane)?;
    let (peak, open) = (onelane.peak()?, onelane.metric("onelane_connections")?);

    for stream in &mut uploads {
        stream.write_all(&vec![b'u'; LENGTH - LENGTH / 2])?;
        answered(stream, 1024)?;
    }
    for stream in &mut downloads {
        answered(stream, LENGTH)?;
    }
    drop((uploads, downloads));
    until("all connections are closed", || {
        Ok(onelane.metric("onelane_connections")? == 0)
    })?;
    let after = Held::now(&onelane)?;

    let mut section = Section::default();
    section.figure("connections", count(open));
    section.figure("memory before", megabytes(before.resident));
    let constant = EACH as f64 * (PER_UPLOAD + PER_DOWNLOAD);
    section.at_most(
        "memory on top, at its largest",
        peak - before.resident,
        BUFFER_MEMORY + constant,
        megabytes,
    );
    section.at_most("of it buffers", full.buffers, BUFFER_MEMORY, megabytes);
    let rest = peak - before.resident - full.buffers;
    section.figure("the rest, per connection", {
        kibibytes(rest / (2 * EACH) as f64)
    });
    section.figure("temporary files", megabytes(full.spooled));
    section.figure("the kernel's, all sockets", megabytes(full.kernel));
    section.figure("memory afterwards", megabytes(after.resident));
    section.at_most("buffers left", after.buffers, 0.0, megabytes);
    section.at_most("temporary files left", after.spooled, 0.0, megabytes);
    section.note(format!(
        "{EACH} uploads and {EACH} downloads of {LENGTH} bytes; the constant is {} for an upload and {} for a download",
        kibibytes(PER_UPLOAD),
        kibibytes(PER_DOWNLOAD),
    ));
    Ok(section)
}

impl Held {
    fn now(onelane: &Onelane) -> io::Result<Self> {
        Ok(Self {
            resident: onelane.resident()?,
            buffers: onelane.metric("onelane_buffer_memory_bytes")? as f64,
            spooled: onelane.metric("onelane_spool_bytes")? as f64,
            kernel: proc::tcp_memory()?,
        })
    }
}

/// Waits until nothing more is read.
fn settle(onelane: &Onelane) -> io::Result<()> {
    let (mut last, mut same) = ((0, 0), 0);
    until("nothing moves any more", || {
        let now = (
            onelane.metric("onelane_buffer_memory_bytes")?,
            onelane.metric("onelane_spool_bytes")?,
        );
        same = if now == last { same + 1 } else { 0 };
        last = now;
        Ok(same == STILL)
    })
}

/// Half an upload, in a session: it is read ahead.
fn upload(to: SocketAddr) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(to)?;
    stream.write_all(Request::upload("/upload", LENGTH).bytes())?;
    stream.write_all(&vec![b'u'; LENGTH / 2])?;
    Ok(stream)
}

/// A download of a session, which is not read.
fn download(to: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_recv_buffer_size(WINDOW)?;
    socket.set_tcp_mss(SEGMENT)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    socket.connect(&to.into())?;
    let mut stream = TcpStream::from(socket);
    stream.write_all(Request::of_new_session(&format!("{PAGE}{LENGTH}")).bytes())?;
    Ok(stream)
}

/// Reads a response with a body of this length.
fn answered(stream: &mut TcpStream, length: usize) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let (mut start, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
    let mut left = loop {
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        start.extend_from_slice(&buffer[..read]);
        if let Some(head) = Head::parse(&start)? {
            head.ok()?;
            let body = length.min(head.length);
            if body != length {
                return Err(io::Error::other("a response has another length"));
            }
            break head.length - start.len();
        }
    };
    while left > 0 {
        match stream.read(&mut buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => left -= read,
        }
    }
    Ok(())
}

/// Uploads, and as many downloads.
const EACH: usize = 2_000;
const LENGTH: usize = 1_000_000;
const BUFFER_MEMORY: f64 = 64.0 * 1024.0 * 1024.0;
/// What an upload may need that is not counted: its tasks and timers, hyper's read buffer (up to 64 KiB while a body
/// comes fast), and when no memory is left a chunk on its way to the file.
const PER_UPLOAD: f64 = 100.0 * 1024.0;
/// And a download: one frame in hand, in the read buffer of the application's connection, up to 64 KiB; the next one
/// behind it.
const PER_DOWNLOAD: f64 = 150.0 * 1024.0;
const WINDOW: usize = 8 * 1024;
/// Of Ethernet.
const SEGMENT: u32 = 1448;
const PATIENCE: Duration = Duration::from_secs(20);
/// So many looks in a row show the same.
const STILL: usize = 100;
const CONFIG: &str = "\
session: { preset: aspnet }
limits: { buffer_memory: 64MiB, body_idle_timeout: 300s, send_timeout: 300s, min_rate: 0 }
";
