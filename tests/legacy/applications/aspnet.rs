//! Real ASP.NET: WebForms pages and handlers on Mono, behind nginx, with each kind of session store.
//!
//! Guarantees: all pages are compiled when an application is given out. Does not do: IIS; Mono's session module polls
//! as ASP.NET's does, but waits on a thread of its own for each request, so Mono gets many threads.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::{Application, Page, Part};
use crate::http::Client;
use crate::process::{Process, directory, find, free_address, missing};

/// Where the site keeps its sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sessions {
    /// In the application's process: ASP.NET's default.
    InProc,
    /// In Mono's state server, a process of its own.
    StateServer,
    /// In a provider of ours, in memory, that counts its calls.
    Counting,
    /// The same provider over Redis.
    Redis,
}

/// What differs between two sites with the same kind of sessions.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// `httpRuntime executionTimeout`, in whole seconds: after it Mono aborts a request, and waiters break its lock.
    pub(crate) execution_timeout: Duration,
    pub(crate) companion: Companion,
}

/// Whether the site has Onelane's module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Companion {
    Absent,
    /// In front of all other modules.
    Installed {
        secret: String,
    },
}

impl Default for Options {
    /// ASP.NET's own.
    fn default() -> Self {
        Self {
            execution_timeout: Duration::from_secs(110),
            companion: Companion::Absent,
        }
    }
}

/// Starts the site: Mono, nginx in front of it, and what its sessions need.
///
/// # Errors
/// When a program is not installed, with the command that installs it; when a page does not answer, with what it said.
pub(crate) fn start(sessions: Sessions, options: &Options) -> io::Result<Application> {
    let files = directory()?;
    let root = files.path().join("site");
    let (store, port) = start_store(files.path(), sessions)?;
    lay_out(&root, sessions, options, &port)?;
    let mono = start_mono(files.path(), &root)?;
    let address = free_address()?;
    let nginx = start_nginx(files.path(), &root, address)?;
    let mut parts = vec![Part::Process(nginx), Part::Process(mono)];
    parts.extend(store.map(Part::Process));
    parts.push(Part::Directory(files));
    let application = Application {
        name: name(sessions),
        address,
        yaml: YAML,
        spell,
        parts,
    };
    warm_up(&application)?;
    Ok(application)
}

/// The page that a browser opens: it sends twenty requests to `Write` at once (`?ms=N`), and shows in `#timings`, as
/// JSON, what the browser measured of them; its title is `done` then. [`TIMINGS`] answers with the same JSON from then on.
pub(crate) const BROWSER_PAGE: &str = "/page.aspx";

/// What the last browser has measured; empty before, and after `Reset`.
pub(crate) const TIMINGS: &str = "/timings.ashx";

/// Onelane's module in front of all others, and what its tests need besides. `clear` takes Mono's own away, of which only
/// the session's is needed.
const COMPANION_MODULES: &str = "<clear />
      <add name=\"Onelane\" type=\"Onelane.AspNet.OnelaneModule, Onelane.AspNet\" />
      <add name=\"Routing\" type=\"System.Web.Routing.UrlRoutingModule\" />
      <add name=\"Behavior\" type=\"Legacy.SessionBehaviorModule, Legacy\" />
      <add name=\"Witness\" type=\"Legacy.WitnessModule, Legacy\" />
      <add name=\"Session\" type=\"System.Web.SessionState.SessionStateModule\" />";

/// Mono's ids have 24 hexadecimal digits, in capitals; those of .NET, which the preset expects, have other letters.
const YAML: &str = "session:
  keys:
    - { name: aspnet, cookie: { name: ASP.NET_SessionId, ignore_case: true }, transform: [lowercase], pattern: '[a-z0-9]{24}' }
reads: follow
routes:
  - { name: read, path: /read.aspx, access: read }
  - { name: none, path: \"/{none.aspx,stats.ashx,reset.ashx,timings.ashx}\", access: none }
";

fn name(sessions: Sessions) -> &'static str {
    match sessions {
        Sessions::InProc => "ASP.NET, InProc",
        Sessions::StateServer => "ASP.NET, StateServer",
        Sessions::Counting => "ASP.NET, counting store",
        Sessions::Redis => "ASP.NET, Redis",
    }
}

fn spell(page: Page) -> &'static str {
    match page {
        Page::Write => "/write.aspx",
        Page::Read => "/read.aspx",
        Page::None => "/none.aspx",
        Page::Login => "/login.ashx",
        Page::Inner => "/inner.ashx",
        Page::Stats => "/stats.ashx",
        Page::Reset => "/reset.ashx",
    }
}

/// Asks for each page until it is there: Mono compiles them at the first request, and aborts that too when it takes
/// longer than `execution_timeout`.
fn warm_up(application: &Application) -> io::Result<()> {
    let mut user = Client::new(application.address);
    for page in [
        Page::Stats,
        Page::Write,
        Page::Read,
        Page::None,
        Page::Login,
    ] {
        let path = application.page(page, 0);
        let mut answer = user.get(&path)?;
        for _ in 0..ATTEMPTS {
            if answer.status == 200 {
                break;
            }
            answer = user.get(&path)?;
        }
        if answer.status != 200 {
            let (status, body) = (answer.status, answer.body);
            return Err(io::Error::other(format!("{page:?}: {status}\n{body}")));
        }
    }
    application.reset()
}

/// More than a compilation takes on a busy machine, in the shortest timeouts that are tried.
const ATTEMPTS: usize = 20;

/// What the sessions need: a process, and its port.
fn start_store(files: &Path, sessions: Sessions) -> io::Result<(Option<Process>, String)> {
    match sessions {
        Sessions::InProc | Sessions::Counting => Ok((None, String::new())),
        Sessions::StateServer => {
            let address = free_address()?;
            let server = start_state_server(files, address)?;
            Ok((Some(server), address.port().to_string()))
        }
        Sessions::Redis => {
            let address = free_address()?;
            let mut server = Process::start("redis-server", "redis-server", |command| {
                let port = address.port().to_string();
                command.args(["--bind", "127.0.0.1", "--save", "", "--port", &port]);
            })?;
            server.listens(address)?;
            Ok((Some(server), address.port().to_string()))
        }
    }
}

/// Mono's `asp-state4`: it takes its port from a file beside its program alone, and ends when its standard input does.
fn start_state_server(files: &Path, address: SocketAddr) -> io::Result<Process> {
    let installed = Path::new("/usr/lib/xsp/4.0/asp-state4.exe");
    if !installed.is_file() {
        return Err(missing("asp-state4", "mono-xsp4"));
    }
    let program = files.join("asp-state4.exe");
    fs::copy(installed, &program)?;
    let config = fs::read_to_string(installed.with_extension("exe.config"))?;
    let port = format!("port=\"{}\"", address.port());
    let config = config.replace("port=\"42424\"", &port);
    fs::write(program.with_extension("exe.config"), config)?;
    let mut server = Process::start("mono", "mono-runtime", |command| {
        command.arg(&program).stdin(Stdio::piped());
    })?;
    server.listens(address)?;
    Ok(server.killed())
}

/// The element `sessionState`.
fn session_state(sessions: Sessions, port: &str) -> String {
    let custom = |class: &str| {
        format!(
            "<sessionState mode=\"Custom\" customProvider=\"ours\"><providers><add name=\"ours\" type=\"Legacy.{class}\" /></providers></sessionState>"
        )
    };
    match sessions {
        Sessions::InProc => "<sessionState mode=\"InProc\" />".to_owned(),
        Sessions::StateServer => format!(
            "<sessionState mode=\"StateServer\" stateConnectionString=\"tcpip=127.0.0.1:{port}\" />"
        ),
        Sessions::Counting => custom("MemoryStore"),
        Sessions::Redis => custom("RedisStore"),
    }
}

/// Puts the site's files, its configuration and its assemblies where Mono looks for them.
fn lay_out(root: &Path, sessions: Sessions, options: &Options, port: &str) -> io::Result<()> {
    let bin = root.join("bin");
    fs::create_dir_all(&bin)?;
    for entry in fs::read_dir(source("tests/legacy/applications/aspnet/site"))? {
        let path = entry?.path();
        if let Some(name) = path.file_name() {
            fs::copy(&path, root.join(name))?;
        }
    }
    let code = ["Pages.cs", "Store.cs", "Redis.cs", "Companion.cs"];
    compile(&bin, "Legacy", &code.map(code_file), &[])?;
    let mut settings = format!("<add key=\"redis\" value=\"{port}\" />");
    let mut modules = "";
    if let Companion::Installed { secret } = &options.companion {
        install_companion(root, &bin)?;
        modules = COMPANION_MODULES;
        settings += &format!("<add key=\"onelane:secret\" value=\"{secret}\" />");
    }
    let config = root.join("web.config");
    let timeout = options.execution_timeout.as_secs().to_string();
    let filled = fs::read_to_string(&config)?
        .replace("{settings}", &settings)
        .replace("{modules}", modules)
        .replace("{session_state}", &session_state(sessions, port))
        .replace("{execution_timeout}", &timeout);
    fs::write(&config, filled)
}

/// Onelane's module, and pages of MVC that it is tried on.
fn install_companion(root: &Path, bin: &Path) -> io::Result<()> {
    if !Path::new("/usr/lib/mono/4.5/System.Web.Mvc.dll").is_file() {
        return Err(missing("System.Web.Mvc", "libmono-system-web-mvc3.0-cil"));
    }
    let module = source("companion/aspnet/OnelaneModule.cs");
    compile(bin, "Onelane.AspNet", &[module], &[])?;
    let show = bin.join("Legacy.dll").display().to_string();
    let mvc = ["System.Web.Mvc.dll", "System.Web.Routing.dll", &show];
    compile(bin, "Mvc", &[code_file("Mvc.cs")], &mvc)?;
    let application = "<%@ Application Language=\"C#\" Inherits=\"Legacy.MvcSite\" %>";
    fs::write(root.join("Global.asax"), application)
}

/// A file or folder of this project.
fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn code_file(name: &str) -> PathBuf {
    source("tests/legacy/applications/aspnet/code").join(name)
}

/// Puts an assembly into `bin`; each is compiled once, since that takes longer than all else of a start.
fn compile(bin: &Path, name: &'static str, sources: &[PathBuf], with: &[&str]) -> io::Result<()> {
    static COMPILED: Mutex<BTreeMap<&str, Vec<u8>>> = Mutex::new(BTreeMap::new());
    let file = bin.join(format!("{name}.dll"));
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(assembly) = compiled.get(name) {
        return fs::write(file, assembly);
    }
    run_compiler(&file, sources, with)?;
    compiled.insert(name, fs::read(file)?);
    Ok(())
}

/// Compiles as the compiler of .NET Framework 4.5 would: C# 5.
fn run_compiler(file: &Path, sources: &[PathBuf], with: &[&str]) -> io::Result<()> {
    let compiler = find("mcs").ok_or_else(|| missing("mcs", "mono-mcs"))?;
    let framework = [
        "System.Core.dll",
        "System.Web.dll",
        "System.Configuration.dll",
    ];
    let references = framework.iter().chain(with);
    let output = Command::new(compiler)
        .args(["-langversion:5", "-warnaserror+", "-target:library"])
        .args(references.map(|assembly| format!("-r:{assembly}")))
        .arg(format!("-out:{}", file.display()))
        .args(sources)
        .output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(io::Error::other(
        String::from_utf8_lossy(&said).into_owned(),
    ))
}

fn start_mono(files: &Path, root: &Path) -> io::Result<Process> {
    let socket = files.join("mono.sock");
    let mut mono = Process::start("fastcgi-mono-server4", "mono-fastcgi-server4", |command| {
        command
            .env("MONO_THREADS_PER_CPU", "200") // it adds only ten threads a second, and each waiter holds one
            .env("HOME", files)
            .env("TMPDIR", files)
            .arg("--socket=unix")
            .arg(format!("--filename={}", socket.display()))
            .arg(format!("--applications=/:{}", root.display()));
    })?;
    mono.listens_at(&socket)?;
    Ok(mono.killed())
}

fn start_nginx(files: &Path, root: &Path, address: SocketAddr) -> io::Result<Process> {
    let (at, root) = (files.display(), root.display());
    let config = format!(
        "daemon off; master_process off; pid {at}/nginx.pid; error_log {at}/error.log;
         events {{ worker_connections 2048; }}
         http {{
           access_log off; client_body_temp_path {at}/body; proxy_temp_path {at}/proxy; fastcgi_temp_path {at}/fastcgi;
           uwsgi_temp_path {at}/uwsgi; scgi_temp_path {at}/scgi;
           server {{
             listen {address};
             location / {{
               fastcgi_pass unix:{at}/mono.sock;
               fastcgi_read_timeout 300s;
               fastcgi_param QUERY_STRING $query_string;
               fastcgi_param REQUEST_METHOD $request_method;
               fastcgi_param CONTENT_TYPE $content_type;
               fastcgi_param CONTENT_LENGTH $content_length;
               fastcgi_param SCRIPT_NAME $fastcgi_script_name;
               fastcgi_param SCRIPT_FILENAME {root}$fastcgi_script_name;
               fastcgi_param PATH_INFO \"\";
               fastcgi_param REQUEST_URI $request_uri;
               fastcgi_param DOCUMENT_ROOT {root};
               fastcgi_param SERVER_PROTOCOL $server_protocol;
               fastcgi_param REMOTE_ADDR $remote_addr;
               fastcgi_param REMOTE_PORT $remote_port;
               fastcgi_param SERVER_ADDR $server_addr;
               fastcgi_param SERVER_PORT $server_port;
               fastcgi_param SERVER_NAME $server_name;
             }}
           }}
         }}"
    );
    let file = files.join("nginx.conf");
    fs::write(&file, config)?;
    let mut nginx = Process::start("nginx", "nginx-light", |command| {
        command.arg("-p").arg(files);
        command.arg("-e").arg(files.join("error.log"));
        command.arg("-c").arg(&file);
    })?;
    nginx.listens(address)?;
    Ok(nginx)
}
