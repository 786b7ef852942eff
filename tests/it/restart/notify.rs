//! What systemd is told, and when.

use std::fs;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::real::free_port;
use crate::support::{Client, DEADLINE, Request, Upstream, held};

/// A process whose service manager is the test; killed when dropped.
struct Service {
    process: Child,
    manager: UnixDatagram,
    _folder: TempDir,
}

impl Service {
    fn start(yaml: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let (file, socket) = (
            folder.path().join("onelane.yaml"),
            folder.path().join("notify"),
        );
        fs::write(&file, yaml).unwrap();
        let manager = UnixDatagram::bind(&socket).unwrap();
        manager.set_read_timeout(Some(DEADLINE)).unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_onelane"))
            .args(["run", "-c"])
            .arg(&file)
            .env("NOTIFY_SOCKET", &socket)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            process,
            manager,
            _folder: folder,
        }
    }

    /// The next message.
    #[track_caller]
    fn hears(&self) -> String {
        let mut message = [0; 1024];
        let length = loop {
            match self.manager.recv(&mut message) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                received => break received.expect("it is told"),
            }
        };
        String::from_utf8(message[..length].to_vec()).unwrap()
    }

    fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        let kill = Command::new("kill").args(["-s", name, &id]).status();
        assert!(kill.unwrap().success());
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

#[test]
fn ready_is_told_when_clients_are_served_and_stopping_when_the_drain_begins_with_its_time() {
    let app = Upstream::start();
    app.on("/hold", held());
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let mut service = Service::start(&format!(
        "listen: {address}\nadmin: off\nupstream: http://{}\ndrain_delay: 10ms\ndrain_timeout: 2h\n",
        app.address()
    ));
    assert_eq!(service.hears(), "READY=1\n");
    let mut client = Client::connect(address);
    client.send(Request::get("/hold").bytes());
    let inside = app.arrival();
    service.signal("TERM");
    // 2 h, 10 ms and 5 s for the end.
    assert_eq!(
        service.hears(),
        "STOPPING=1\nEXTEND_TIMEOUT_USEC=7205010000\n"
    );
    inside.release();
    assert_eq!(client.response().status, 200);
    assert_eq!(service.process.wait().unwrap().code(), Some(0));
}

#[test]
fn a_start_that_fails_is_never_ready() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let mut service = Service::start(&format!("listen: {address}\nadmin: off\n"));
    assert_eq!(service.process.wait().unwrap().code(), Some(1));
    service.manager.set_nonblocking(true).unwrap();
    assert!(
        service.manager.recv(&mut [0; 8]).is_err(),
        "nothing was told"
    );
}
