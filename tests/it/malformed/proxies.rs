//! nginx and HAProxy as they are installed, in front of a recording application, with as few settings as they run with.
//!
//! A missing program fails the test with the command that installs it: it is never skipped.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use crate::real::{Application, free_port, spawn, which};

/// Debian's nginx in front of `application`, and its version.
pub(crate) fn nginx(application: SocketAddr) -> (Application, String) {
    let (folder, port) = (folder("strict-nginx"), free_port());
    let at = folder.display();
    let config = format!(
        "daemon off; master_process off; pid {at}/pid; error_log {at}/error.log;
         events {{ worker_connections 256; }}
         http {{
           access_log off; client_body_temp_path {at}/body; proxy_temp_path {at}/proxy; fastcgi_temp_path {at}/fastcgi;
           uwsgi_temp_path {at}/uwsgi; scgi_temp_path {at}/scgi;
           client_header_timeout {PATIENCE}; client_body_timeout {PATIENCE};
           server {{
             listen 127.0.0.1:{port};
             location / {{
               proxy_pass http://{application}; proxy_http_version 1.1;
               proxy_set_header Host $host; proxy_set_header Connection '';
             }}
           }}
         }}"
    );
    let file = folder.join("nginx.conf");
    fs::write(&file, config).unwrap();
    let program = which("nginx", &["/usr/sbin/nginx", "/usr/local/sbin/nginx"]);
    let version = version(Command::new(&program).arg("-v"), "nginx-light", "nginx/");
    let mut command = Command::new(program);
    command
        .arg("-p")
        .arg(&folder)
        .arg("-e")
        .arg(folder.join("error.log"))
        .arg("-c")
        .arg(file);
    (spawn(&mut command, "nginx-light", folder, port), version)
}

/// HAProxy in front of `application`, and its version.
pub(crate) fn haproxy(application: SocketAddr) -> (Application, String) {
    let (folder, port) = (folder("strict-haproxy"), free_port());
    let config = format!(
        "defaults
           mode http
           timeout connect 20s
           timeout server 6s
           timeout client {PATIENCE}
           timeout http-request {PATIENCE}
           timeout http-keep-alive 20s
         listen site
           bind 127.0.0.1:{port}
           server application {application}\n"
    );
    let file = folder.join("haproxy.cfg");
    fs::write(&file, config).unwrap();
    let program = which("haproxy", &["/usr/sbin/haproxy", "/usr/local/sbin/haproxy"]);
    let version = version(
        Command::new(&program).arg("-v"),
        "haproxy",
        "HAProxy version ",
    );
    let mut command = Command::new(program);
    command.args(["-db", "-q", "-f"]).arg(file);
    (spawn(&mut command, "haproxy", folder, port), version)
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("onelane-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// The version that a program names after `before`, without what its packager appends.
#[track_caller]
fn version(command: &mut Command, package: &str, before: &str) -> String {
    let output = command.output().unwrap_or_else(|error| {
        panic!("{command:?}: {error}; install it: apt-get install -y {package}")
    });
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let (_, after) = text.split_once(before).expect("it names its version");
    let end = after.find(|character: char| !character.is_ascii_digit() && character != '.');
    after[..end.unwrap_or(after.len())].to_owned()
}

/// How long a client may take, in both.
const PATIENCE: &str = "2s";
