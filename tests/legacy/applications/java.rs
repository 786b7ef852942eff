//! The same JSPs in Debian's Tomcat and in Debian's Jetty, with sessions in memory: nobody locks, and what two requests of
//! a session change at once is lost for one of them.
//!
//! Guarantees: no service of the machine's is started, and none is needed; a Java runtime without a compiler is enough. The
//! containers' files are in a directory of their own.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Application, Page, Part};
use crate::process::{Process, directory, free_address, missing};

/// Who serves the pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Container {
    /// Tomcat 10, with `jvmRoute`; `/shop`, `/wiki`, `/left` and `/right` are the same pages with sessions of their own,
    /// the last two with one cookie for the whole host.
    Tomcat,
    /// Jetty 9, with a worker's name.
    Jetty,
}

/// Starts it; both have 200 threads.
///
/// # Errors
/// When a part is not installed or does not start.
pub(crate) fn start(container: Container) -> io::Result<Application> {
    let (name, main, jars, packages) = match container {
        Container::Tomcat => ("tomcat", TOMCAT, TOMCAT_JARS, "tomcat10-common"),
        Container::Jetty => ("jetty", JETTY, JETTY_JARS, "libjetty9-java libtomcat9-java"),
    };
    if !jars.iter().all(|jar| Path::new(jar).is_file()) {
        return Err(missing(name, &format!("default-jre-headless {packages}")));
    }
    let (address, files) = (free_address()?, directory()?);
    for directory in ["conf", "temp"] {
        fs::create_dir(files.path().join(directory))?;
    }
    let ours = ours();
    fs::copy(
        ours.join("server.xml"),
        files.path().join("conf/server.xml"),
    )?;
    let property = |name: &str, value: &Path| format!("-D{name}={}", value.display());
    let mut java = Process::start(JAVA, "default-jre-headless", |command| {
        command
            .args(["-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]) // a small machine's
            .args(["-cp", &jars.join(":")])
            .arg(property("port", Path::new(&address.port().to_string())))
            .arg(property("site", &ours.join("site")))
            .arg(property("java.io.tmpdir", &files.path().join("temp")))
            .arg(property("catalina.home", Path::new("/usr/share/tomcat10")))
            .arg(property("catalina.base", files.path()))
            .arg("-Dtomcat.util.scan.StandardJarScanFilter.jarsToSkip=*.jar") // no tag libraries
            .args(main)
            .current_dir(files.path());
        if container == Container::Jetty {
            command.arg(ours.join("jetty.xml"));
        }
    })?
    .killed(); // nothing of it is kept
    java.listens(address)?;
    Ok(Application {
        name,
        address,
        yaml: YAML,
        spell,
        parts: vec![Part::Process(java), Part::Directory(files)],
    })
}

fn ours() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/legacy/applications/java")
}

fn spell(page: Page) -> &'static str {
    match page {
        Page::Write => "/write.jsp",
        Page::Read => "/read.jsp",
        Page::None => "/none.jsp",
        Page::Login => "/login.jsp",
        Page::Inner => "/inner.jsp",
        Page::Stats => "/stats.jsp",
        Page::Reset => "/reset.jsp",
    }
}

/// Debian's own, whatever else is on the PATH.
const JAVA: &str = "/usr/bin/java";

const TOMCAT: &[&str] = &["org.apache.catalina.startup.Bootstrap", "start"];
const TOMCAT_JARS: &[&str] = &[
    "/usr/share/tomcat10/bin/bootstrap.jar",
    "/usr/share/tomcat10/bin/tomcat-juli.jar",
];

const JETTY: &[&str] = &["org.eclipse.jetty.xml.XmlConfiguration"];
/// Jetty, and what compiles pages for it: Tomcat's.
const JETTY_JARS: &[&str] = &[
    "/usr/share/java/jetty9-http.jar",
    "/usr/share/java/jetty9-io.jar",
    "/usr/share/java/jetty9-security.jar",
    "/usr/share/java/jetty9-server.jar",
    "/usr/share/java/jetty9-servlet.jar",
    "/usr/share/java/jetty9-util.jar",
    "/usr/share/java/jetty9-webapp.jar",
    "/usr/share/java/jetty9-xml.jar",
    "/usr/share/java/servlet-api.jar",
    "/usr/share/java/tomcat9-api.jar",
    "/usr/share/java/tomcat9-el-api.jar",
    "/usr/share/java/tomcat9-jasper.jar",
    "/usr/share/java/tomcat9-jasper-el.jar",
    "/usr/share/java/tomcat9-jsp-api.jar",
    "/usr/share/java/tomcat9-juli.jar",
    "/usr/share/java/tomcat9-util.jar",
    "/usr/share/java/tomcat9-util-scan.jar",
    "/usr/share/java/eclipse-jdt-core.jar",
];

const YAML: &str = "session: { preset: java }
routes:
- { path: /read.jsp, access: read }
- { path: /none.jsp, access: none }
";
