//! Real applications behind Onelane: nginx and Python's server, under a load of mixed routes as browsers make it.
//!
//! A missing nginx or python3 fails the test with the command that installs it: it is never skipped.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::support::{Client, Proxy, Request, eventually};

/// A real application in a child process, with a folder of its own; both end with this value.
pub(crate) struct Application {
    child: Child,
    folder: PathBuf,
    pub(crate) address: SocketAddr,
}

impl Drop for Application {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        fs::remove_dir_all(&self.folder).ok();
    }
}

/// A file that the applications serve: every byte value, longer than any buffer between.
fn picture() -> Vec<u8> {
    (0..=255).cycle().take(700_001).collect()
}

/// A port that was free just now, and is not given out again: neither here, nor by the system to those who take any port
/// (32768 and above), however long a program takes to start.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id(); // tests of another process begin somewhere else
    let port = || {
        let next = first.wrapping_mul(97) % PORTS + NEXT.fetch_add(1, Ordering::Relaxed);
        u16::try_from(FIRST_PORT + next % PORTS).unwrap()
    };
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    (0..PORTS).map(|_| port()).find(free).expect("one is free")
}

const FIRST_PORT: u32 = 20_000;
const PORTS: u32 = 12_000;

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("onelane-{name}-{}", std::process::id()));
    fs::create_dir_all(folder.join("www/static")).unwrap();
    fs::write(folder.join("www/static/picture.png"), picture()).unwrap();
    fs::write(folder.join("www/index.html"), "<h1>here</h1>").unwrap();
    folder
}

#[track_caller]
pub(crate) fn spawn(
    command: &mut Command,
    package: &str,
    folder: PathBuf,
    port: u16,
) -> Application {
    let spawned = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let child = spawned.unwrap_or_else(|error| {
        panic!("{command:?}: {error}; install it: apt-get install -y {package}")
    });
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let application = Application {
        child,
        folder,
        address,
    };
    eventually("the application listens", || {
        TcpStream::connect(address).is_ok()
    });
    application
}

fn nginx() -> Application {
    let (folder, port) = (folder("nginx"), free_port());
    let at = folder.display();
    let config = format!(
        "daemon off; master_process off; pid {at}/pid; error_log {at}/error.log;
         events {{ worker_connections 1024; }}
         http {{
           access_log off; client_body_temp_path {at}/body; proxy_temp_path {at}/proxy; fastcgi_temp_path {at}/fastcgi;
           uwsgi_temp_path {at}/uwsgi; scgi_temp_path {at}/scgi; client_max_body_size 8m; keepalive_timeout 75s;
           types {{ text/html html; image/png png; }}
           server {{
             listen 127.0.0.1:{port}; port_in_redirect off;
             root {at}/www;
             location = /save {{ return 200 \"saved by $request_method\\n\"; }}
             location = /empty {{ return 204; }}
             location = /moved {{ return 302 /index.html; }}
             location = /broken {{ return 500 \"no\\n\"; }}
           }}
         }}"
    );
    fs::write(folder.join("nginx.conf"), config).unwrap();
    let mut command = Command::new(which(
        "nginx",
        &["/usr/sbin/nginx", "/usr/local/sbin/nginx"],
    ));
    command
        .arg("-p")
        .arg(&folder)
        .arg("-e")
        .arg(folder.join("error.log"))
        .arg("-c")
        .arg(folder.join("nginx.conf"));
    spawn(&mut command, "nginx-light", folder, port)
}

/// nginx is often not in the PATH of ordinary users.
pub(crate) fn which(name: &str, places: &[&str]) -> PathBuf {
    let found = places.iter().map(Path::new).find(|place| place.exists());
    found.map_or_else(|| PathBuf::from(name), Path::to_owned)
}

fn python() -> Application {
    let (folder, port) = (folder("python"), free_port());
    let mut command = Command::new("python3");
    command.args([
        "-m",
        "http.server",
        "--bind",
        "127.0.0.1",
        "--protocol",
        "HTTP/1.1",
    ]);
    command
        .arg(port.to_string())
        .current_dir(folder.join("www"));
    spawn(&mut command, "python3", folder, port)
}

const ROUTES: &str = "routes:
- { path: '/static/**', access: none }
- { path: /index.html, access: read, reads: follow }
- { path: /empty, access: read, reads: share }";

/// Loads the site as one browser with its own session does: several keep-alive connections, each with a mix of routes.
fn browse(proxy: &Proxy, user: usize, rounds: usize, visit: fn(&mut Client, &str)) {
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(move || {
                let mut client = proxy.connect();
                for _ in 0..rounds {
                    visit(&mut client, &format!("user-{user}"));
                }
            });
        }
    });
}

fn load(proxy: &Proxy, visit: fn(&mut Client, &str)) {
    std::thread::scope(|scope| {
        for user in 0..8 {
            scope.spawn(move || browse(proxy, user, 10, visit));
        }
    });
    proxy.until_nothing_is_left();
    let metrics = proxy.metrics();
    assert_eq!(metrics.count("onelane_refusals_total"), 0);
    assert_eq!(metrics.count("onelane_exclusion_exceptions_total"), 0);
}

fn statics(client: &mut Client, session: &str) {
    let picture = picture();
    let get = |target: &str| Request::get(target).session(session);
    let whole = client.call(&get("/static/picture.png"));
    assert_eq!(
        (whole.status, whole.header("content-type")),
        (200, Some("image/png"))
    );
    assert!(whole.body == picture, "byte for byte");
    let modified = whole.header("last-modified").expect("a date");
    assert_eq!(
        client
            .call(&get("/static/picture.png").header("If-Modified-Since", modified))
            .status,
        304
    );
    let head = client.call(&Request::new("HEAD", "/static/picture.png").session(session));
    assert_eq!(
        (head.status, head.header("content-length")),
        (200, Some("700001"))
    );
    assert_eq!(client.call(&get("/index.html")).text(), "<h1>here</h1>");
    assert_eq!(client.call(&get("/missing")).status, 404);
}

fn nginx_visit(client: &mut Client, session: &str) {
    statics(client, session);
    let get = |target: &str| Request::get(target).session(session);
    let part = client.call(&get("/static/picture.png").header("Range", "bytes=1000-1999"));
    assert_eq!(
        (part.status, part.body.as_slice()),
        (206, &picture()[1000..2000])
    );
    let saved = client.call(&Request::post("/save", "a=1&b=2").session(session));
    assert_eq!(
        (saved.status, saved.text().as_str()),
        (200, "saved by POST\n")
    );
    let long = "x".repeat(300_000);
    assert_eq!(
        client
            .call(&Request::post("/save", &long).session(session))
            .status,
        200
    );
    assert_eq!(
        client
            .call(&Request::post_chunked("/save", &[&long, "end"]).session(session))
            .status,
        200
    );
    assert_eq!(client.call(&get("/empty")).status, 204);
    let moved = client.call(&get("/moved"));
    assert_eq!(moved.status, 302);
    assert_eq!(
        moved.header("location"),
        Some("http://app.test/index.html"),
        "made from the Host that was kept"
    );
    assert_eq!(client.call(&get("/broken")).text(), "no\n");
}

fn python_visit(client: &mut Client, session: &str) {
    statics(client, session);
    let refused = client.call(&Request::post("/save", "").session(session));
    assert_eq!(refused.status, 501, "that server knows no POST");
}

#[test]
fn nginx_serves_browsers_through_onelane() {
    let application = nginx();
    let proxy = Proxy::in_front_of_address(application.address, ROUTES);
    load(&proxy, nginx_visit);
}

#[test]
fn pythons_server_serves_browsers_through_onelane() {
    let application = python();
    let proxy = Proxy::in_front_of_address(application.address, ROUTES);
    load(&proxy, python_visit);
}
