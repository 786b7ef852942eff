//! Sockets that the process was started with, by systemd's protocol (`sd_listen_fds(3)`): whoever started it keeps them
//! open, so that clients wait in their queues while one process ends and the next one starts.
//!
//! Guarantees: each has its place by its address, or is named as an error; none is served as what it is not. Sockets that
//! were passed to another process are left alone. Does not do: bind; Windows has no such protocol.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};

use crate::config::Startup;

/// The sockets that were passed to this process.
#[derive(Debug, Default)]
pub struct Passed(Vec<PassedSocket>);

/// A socket that was passed to this process.
#[derive(Debug)]
struct PassedSocket {
    label: SocketLabel,
    address: SocketAddr,
    listener: TcpListener,
}

/// What a passed socket is called: its descriptor, and the name that it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketLabel {
    descriptor: usize,
    name: Option<String>,
}

/// What was passed for each place of a configuration.
#[derive(Debug, Default)]
pub struct Places {
    /// For clients: one for each of [`Startup::listen`], in its order.
    pub data: Vec<Option<TcpListener>>,
    /// For operators.
    pub admin: Option<TcpListener>,
}

/// A passed socket that cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum PassedError {
    /// Not what connections come from; `Accept=yes` passes connections themselves.
    #[error("the passed socket {label} is no listening TCP socket: {source}")]
    NotListening {
        /// Which one.
        label: SocketLabel,
        /// The reason.
        source: io::Error,
    },
    /// Its address is not in the configuration.
    #[error(
        "the passed socket {label} listens on {address}, which is not in {wanted}: the addresses must be the same"
    )]
    Stranger {
        /// Which one.
        label: SocketLabel,
        /// Where it listens.
        address: SocketAddr,
        /// The keys that could name it.
        wanted: &'static str,
    },
    /// Another one has its place.
    #[error("the passed socket {label} listens on {address}, as another one does")]
    Twice {
        /// Which one.
        label: SocketLabel,
        /// Where it listens.
        address: SocketAddr,
    },
}

impl Passed {
    /// Takes the sockets over. To be called once, before any thread is started: it removes the variables that announce
    /// them from the environment.
    ///
    /// # Errors
    /// The first that is no listening TCP socket.
    #[cfg(unix)]
    pub fn take() -> Result<Self, PassedError> {
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':').filter(|name| !name.is_empty());
        let mut sockets = listenfd::ListenFd::from_env();
        let count = sockets.len();
        let take = |index| {
            let label = SocketLabel {
                descriptor: FIRST_DESCRIPTOR + index,
                name: names.next().map(str::to_owned),
            };
            match sockets.take_tcp_listener(index).and_then(listening) {
                Ok((listener, address)) => Ok(PassedSocket {
                    label,
                    address,
                    listener,
                }),
                Err(source) => Err(PassedError::NotListening { label, source }),
            }
        };
        (0..count).map(take).collect::<Result<_, _>>().map(Self)
    }

    /// There are none.
    ///
    /// # Errors
    /// None.
    #[cfg(not(unix))]
    pub fn take() -> Result<Self, PassedError> {
        Ok(Self::default())
    }

    /// What they are called, and where they listen.
    pub fn labels(&self) -> impl Iterator<Item = (&SocketLabel, SocketAddr)> {
        self.0.iter().map(|socket| (&socket.label, socket.address))
    }

    /// Gives each socket its place: that of its address, among those of its name if that is `data` or `admin`.
    ///
    /// # Errors
    /// The first that has none.
    pub fn assign(self, startup: &Startup) -> Result<Places, PassedError> {
        let mut places = Places::none(startup);
        for socket in self.0 {
            let PassedSocket {
                label,
                address,
                listener,
            } = socket;
            let (may_data, may_admin, wanted) = match label.name.as_deref() {
                Some("data") => (true, false, "listen"),
                Some("admin") => (false, true, "admin.listen"),
                _ => (true, true, "listen or admin.listen"),
            };
            let mut addresses = startup.listen.iter().map(|listener| listener.address);
            let data = addresses.position(|own| may_data && same(own, address));
            let admin = startup
                .admin
                .listen
                .filter(|own| may_admin && same(*own, address));
            let place = match (data, admin) {
                (Some(index), _) => &mut places.data[index],
                (None, Some(_)) => &mut places.admin,
                (None, None) => {
                    return Err(PassedError::Stranger {
                        label,
                        address,
                        wanted,
                    });
                }
            };
            if place.is_some() {
                return Err(PassedError::Twice { label, address });
            }
            *place = Some(listener);
        }
        Ok(places)
    }
}

impl Places {
    /// Nothing was passed.
    pub fn none(startup: &Startup) -> Self {
        Self {
            data: startup.listen.iter().map(|_| None).collect(),
            admin: None,
        }
    }
}

impl fmt::Display for SocketLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{} ({name})", self.descriptor),
            None => write!(f, "{}", self.descriptor),
        }
    }
}

/// Whether it is the same place; a socket's scope and flow are not written in a configuration.
fn same(one: SocketAddr, other: SocketAddr) -> bool {
    (one.ip(), one.port()) == (other.ip(), other.port())
}

/// Checks that connections come from it.
#[cfg(unix)]
fn listening(listener: Option<TcpListener>) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = listener.ok_or(io::ErrorKind::NotFound)?;
    #[cfg(any(target_os = "android", target_os = "freebsd", target_os = "linux"))]
    if !socket2::SockRef::from(&listener).is_listener()? {
        let problem = "it is bound or connected only (with systemd, Accept=no is needed)";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
    }
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// The first descriptor of the protocol.
#[cfg(unix)]
const FIRST_DESCRIPTOR: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn listener() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    fn startup(data: &[SocketAddr], admin: SocketAddr) -> Startup {
        let yaml = format!("listen: {data:?}\nadmin: {{ listen: '{admin}' }}\n");
        Config::parse(&yaml, &|_| None).unwrap().startup
    }

    fn passed<const N: usize>(sockets: [(&str, TcpListener); N]) -> Passed {
        let socket = |(descriptor, (name, listener)): (usize, (&str, TcpListener))| PassedSocket {
            label: SocketLabel {
                descriptor,
                name: (!name.is_empty()).then(|| name.to_owned()),
            },
            address: listener.local_addr().unwrap(),
            listener,
        };
        Passed((3..).zip(sockets).map(socket).collect())
    }

    #[test]
    fn each_socket_has_the_place_of_its_address_whatever_their_order() {
        let [(one, a), (two, b), (three, c)] = [listener(), listener(), listener()];
        let (_, unbound) = listener();
        let startup = startup(&[a, unbound, b], c);
        let sockets = passed([("admin", three), ("onelane.socket", two), ("", one)]);
        let places = sockets.assign(&startup).unwrap();
        let address =
            |place: &Option<TcpListener>| place.as_ref().map(|at| at.local_addr().unwrap());
        let data: Vec<_> = places.data.iter().map(address).collect();
        assert_eq!(data, [Some(a), None, Some(b)]);
        assert_eq!(address(&places.admin), Some(c));
    }

    #[test]
    fn a_socket_that_has_no_place_is_named() {
        let [(_, a), (_, c)] = [listener(), listener()];
        let startup = startup(&[a], c);
        for (name, keys) in [("web", "listen or admin.listen"), ("data", "listen")] {
            let (stranger, address) = listener();
            let error = passed([(name, stranger)]).assign(&startup).unwrap_err();
            let expected = format!(
                "the passed socket 3 ({name}) listens on {address}, which is not in {keys}: the addresses must be the same"
            );
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn a_socket_is_not_served_as_what_its_name_says_it_is_not() {
        let [(one, a), (two, c)] = [listener(), listener()];
        let startup = startup(&[a], c);
        let error = passed([("admin", one)]).assign(&startup).unwrap_err();
        assert!(
            error.to_string().contains("which is not in admin.listen"),
            "{error}"
        );
        let error = passed([("data", two)]).assign(&startup).unwrap_err();
        assert!(
            error.to_string().contains("which is not in listen"),
            "{error}"
        );
    }

    #[test]
    fn two_sockets_with_one_address_are_one_too_many() {
        let [(one, a), (_, c)] = [listener(), listener()];
        let startup = startup(&[a], c);
        let copy = one.try_clone().unwrap();
        let error = passed([("", one), ("", copy)])
            .assign(&startup)
            .unwrap_err();
        let expected = format!("the passed socket 4 listens on {a}, as another one does");
        assert_eq!(error.to_string(), expected);
    }
}
