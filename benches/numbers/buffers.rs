//! Buffers: 2,000 uploads that stall half-way and 2,000 downloads that nobody reads, at once, within `buffer_memory` and
//! a constant for each connection; and everything comes back.
//!
//! The downloads' clients announce small segments and a small window, as over a network: over loopback the kernel alone
//! would take a whole page. What the kernel holds is a figure of its own. Guarantees: in the end all uploads are answered
//! and all downloads are read to their last byte.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};

use crate::application::{AT_ONCE, Application, PAGE};
use crate::load::{Fleet, Sessions};
use crate::proc;
use crate::process::{Onelane, until};
use crate::report::{Section, kibibytes, megabytes};
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
    let mut section = Section::default();
    let before = Held::now(&onelane)?;
    let mut uploads = (0..EACH)
        .map(|_| upload(onelane.address()))
        .collect::<io::Result<Vec<_>>>()?;
    settle(&onelane)?;
    let uploading = Held::now(&onelane)?;
    let mut downloads = (0..EACH)
        .map(|_| download(onelane.address()))
        .collect::<io::Result<Vec<_>>>()?;
    settle(&onelane)?;
    let full = Held::now(&onelane)?;
    for (name, held) in [
        ("before", before),
        ("2,000 uploads", uploading),
        ("and 2,000 downloads", full),
    ] {
        held.report(name, &mut section);
    }
    let each = |more: Held, less: Held| {
        kibibytes((more.resident - less.resident - (more.buffers - less.buffers)) / EACH as f64)
    };
    section.figure("an upload, without buffers", each(uploading, before));
    section.figure("a download, without buffers", each(full, uploading));
    let constant = EACH as f64 * (PER_UPLOAD + PER_DOWNLOAD);
    section.at_most(
        "memory on top, at its largest",
        onelane.peak()? - before.resident,
        BUFFER_MEMORY + constant,
        megabytes,
    );
    section.at_most("of it buffers", full.buffers, BUFFER_MEMORY, megabytes);

    for stream in &mut uploads {
        stream.write_all(&vec![b'u'; LENGTH - LENGTH / 2])?;
        answered(stream)?;
    }
    for stream in &mut downloads {
        SockRef::from(&*stream).set_recv_buffer_size(LENGTH)?;
        answered(stream)?;
    }
    drop((uploads, downloads));
    until("all connections are closed", || {
        Ok(onelane.metric("onelane_connections")? == 0)
    })?;
    // An allocator gives back what was freed when it next has to do.
    let requests = (0..SMALL)
        .map(|_| Request::of_new_session(AT_ONCE))
        .collect();
    Fleet::connect(onelane.address(), requests)?.run(1_000 * SMALL, Sessions::Own)?;
    until("all connections are closed again", || {
        Ok(onelane.metric("onelane_connections")? == 0)
    })?;
    let after = Held::now(&onelane)?;
    after.report("afterwards", &mut section);
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

    fn report(self, name: &str, section: &mut Section) {
        section.figure(
            format!("{name}: memory, buffers, files, kernel"),
            [self.resident, self.buffers, self.spooled, self.kernel]
                .map(megabytes)
                .join(", "),
        );
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

/// Reads a response to its end.
fn answered(stream: &mut TcpStream) -> io::Result<()> {
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
/// What an upload may need that is not counted: hyper's read buffer, 64 KiB while a body comes fast, which its growing
/// doubles; when no memory is left a chunk of 8 KiB on its way to the file; the tasks and timers of a connection.
const PER_UPLOAD: f64 = 160.0 * 1024.0;
/// And a download: what hyper has taken to be written, up to 64 KiB and one frame, of 64 KiB at most; when no memory is
/// left one frame behind that, and one in the read buffer of the application's connection; both connections' tasks and
/// timers.
pub(crate) const PER_DOWNLOAD: f64 = 260.0 * 1024.0;
/// Connections of the traffic afterwards.
const SMALL: usize = 32;
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
