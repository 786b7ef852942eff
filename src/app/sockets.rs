//! The sockets that Onelane listens on.
//!
//! Guarantees: all are bound, or the first that cannot be is named. Does not do: accept; `passed` knows those that need not
//! be bound.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

use super::passed::Places;
use crate::config::Startup;

/// Bound sockets; made by [`bind`], or by a caller that has its own.
#[derive(Debug)]
pub struct Listeners {
    /// For clients: one for each of [`Startup::listen`], in its order.
    pub data: Vec<TcpListener>,
    /// For operators.
    pub admin: Option<TcpListener>,
}

/// An address that could not be bound.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}")]
pub struct BindError {
    /// The address.
    pub address: SocketAddr,
    /// The system's reason.
    pub source: io::Error,
}

/// Binds what the configuration names.
///
/// # Errors
/// The first address that cannot be bound, with the system's reason.
pub fn bind(startup: &Startup) -> Result<Listeners, BindError> {
    bind_beside(startup, Places::none(startup))
}

/// Binds what the configuration names and nobody has passed; `passed` are the places in that configuration.
///
/// # Errors
/// As [`bind`].
pub fn bind_beside(startup: &Startup, passed: Places) -> Result<Listeners, BindError> {
    let one = |passed: Option<TcpListener>, address| match passed {
        Some(listener) => Ok(listener),
        None => listen(address).map_err(|source| BindError { address, source }),
    };
    let data = startup.listen.iter().zip(passed.data);
    Ok(Listeners {
        data: data
            .map(|(listener, passed)| one(passed, listener.address))
            .collect::<Result<_, _>>()?,
        admin: match startup.admin.listen {
            Some(address) => Some(one(passed.admin, address)?),
            None => None,
        },
    })
}

/// As the standard library listens, but with room for a burst: beyond its 128 the system drops connections, and their
/// clients try again a second later.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if cfg!(unix) {
        socket.set_reuse_address(true)?; // on Windows this would share the port with another program
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Connections that may wait to be accepted; the system lowers it to its own limit.
const BACKLOG: i32 = 4096;
