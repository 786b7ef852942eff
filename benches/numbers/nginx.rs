//! nginx, to compare with.
//!
//! Guarantees: it does the same work as Onelane: keep-alive on both sides, the same headers set, no log.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::identity::Identity;
use crate::proc::{cores, parent, used};
use crate::process::{Process, directory, free_address};

/// nginx with one worker for each core.
#[derive(Debug)]
pub(crate) struct Nginx {
    process: Process,
}

impl Nginx {
    /// Starts it in front of `application`, with TLS when it has an identity; None when it is not installed.
    pub(crate) fn start(
        application: SocketAddr,
        identity: Option<&Identity>,
    ) -> io::Result<Option<Self>> {
        let program = ["nginx", "/usr/sbin/nginx"].into_iter().find(|program| {
            let mut probe = Command::new(program);
            probe.arg("-v").stderr(Stdio::null()).status().is_ok()
        });
        let Some(program) = program else {
            return Ok(None);
        };
        let address = free_address()?;
        let files = directory(address)?;
        let config = files.join("nginx.conf");
        fs::write(
            &config,
            nginx_config(&files, address, application, identity)?,
        )?;
        let mut command = Command::new(program);
        command
            .arg("-c")
            .arg(&config)
            .arg("-p")
            .arg(&files)
            .arg("-e")
            .arg(files.join("log"));
        Ok(Some(Self {
            process: Process::start(command, address, files)?,
        }))
    }

    /// Where clients connect.
    pub(crate) fn address(&self) -> SocketAddr {
        self.process.address()
    }

    /// Processor time that its workers have used.
    pub(crate) fn used(&self) -> io::Result<Duration> {
        let mut sum = Duration::ZERO;
        for entry in fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            if parent(pid) == Some(self.process.id()) {
                sum += used(pid)?;
            }
        }
        Ok(sum)
    }
}

fn nginx_config(
    files: &Path,
    address: SocketAddr,
    application: SocketAddr,
    identity: Option<&Identity>,
) -> io::Result<String> {
    let tls = match identity {
        None => "".to_owned(),
        Some(identity) => {
            let (cert, key) = identity.write(files)?;
            let (cert, key) = (cert.display(), key.display());
            format!(" ssl; ssl_certificate {cert}; ssl_certificate_key {key}")
        }
    };
    let (files, cores) = (files.display(), cores());
    Ok(format!(
        "daemon off; worker_processes {cores}; worker_rlimit_nofile 32768; pid {files}/pid;
events {{ worker_connections 16384; }}
http {{
  access_log off; keepalive_requests 1000000000; large_client_header_buffers 4 64k;
  client_body_temp_path {files}/body; proxy_temp_path {files}/proxy; fastcgi_temp_path {files}/fastcgi;
  uwsgi_temp_path {files}/uwsgi; scgi_temp_path {files}/scgi;
  upstream application {{
    server {application}; keepalive 256; keepalive_requests 1000000000;
  }}
  server {{
    listen {address}{tls};
    location / {{
      proxy_pass http://application; proxy_http_version 1.1; proxy_set_header Connection '';
      proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header X-Request-Id $request_id;
    }}
  }}
}}
"
    ))
}
