//! The pages that show commands: each `console` block runs as it stands, in order, and prints what the page says.
//!
//! A page is a folder: its first YAML block is `onelane.yaml` there. Ports are replaced by free ones, the application is
//! scripted. `sh` blocks are for a person's machine (they install things, or take a minute); their commands are only held
//! against the command line.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use crate::real::free_port;
use crate::support::{Upstream, eventually, held};

/// One command of a block, and the lines that the page shows below it.
#[derive(Debug, PartialEq, Eq)]
struct Shown {
    command: String,
    output: String,
}

/// The fenced blocks of a language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let parts = text.split(fence.as_str()).skip(1);
    parts
        .map(|part| part.split("```").next().unwrap().to_owned())
        .collect()
}

/// The commands of the `console` blocks of a page.
fn shown(page: &str) -> Vec<Shown> {
    let mut found: Vec<Shown> = Vec::new();
    for block in blocks(page, "console") {
        for line in block.lines() {
            match line.strip_prefix("$ ") {
                Some(command) => found.push(Shown {
                    command: command.to_owned(),
                    output: String::new(),
                }),
                None => {
                    let output = &mut found.last_mut().expect("a command comes first").output;
                    output.push_str(line);
                    output.push('\n');
                }
            }
        }
    }
    found
}

/// A page on its way through: its folder, the ports that stand for those it names, what it has started.
struct Walk {
    folder: tempfile::TempDir,
    ports: [(&'static str, SocketAddr); 3],
    app: Upstream,
    running: Option<Child>,
}

impl Walk {
    fn begin(page: &str) -> Self {
        let app = Upstream::start();
        app.on("/cart", held());
        let [listen, admin] =
            [(); 2].map(|()| SocketAddr::from((Ipv4Addr::LOCALHOST, free_port())));
        let walk = Self {
            folder: tempfile::tempdir().unwrap(),
            ports: [
                (":8080", listen),
                (":8081", app.address()),
                (":9180", admin),
            ],
            app,
            running: None,
        };
        let file = blocks(page, "yaml").remove(0);
        let file = format!("{file}admin: {{ listen: 127.0.0.1:9180 }}\n");
        fs::write(walk.folder.path().join("onelane.yaml"), walk.here(&file)).unwrap();
        walk
    }

    /// `text` with the ports of this walk.
    fn here(&self, text: &str) -> String {
        let replace = |text: String, (named, address): &(&str, SocketAddr)| {
            text.replace(named, &format!(":{}", address.port()))
        };
        let text = self.ports.iter().fold(text.to_owned(), replace);
        text.replace(
            "onelane health",
            &format!("onelane health --url {}", self.readiness()),
        )
    }

    fn readiness(&self) -> String {
        format!("http://{}/readyz", self.ports[2].1)
    }

    fn shell(&self, command: &str) -> Command {
        let binary = Path::new(env!("CARGO_BIN_EXE_onelane")).parent().unwrap();
        let mut path = vec![binary.to_owned()];
        path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap()));
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &self.here(command)])
            .current_dir(self.folder.path())
            .env("PATH", std::env::join_paths(path).unwrap())
            .env_remove("ONELANE_CONFIG")
            .env_remove("ONELANE_SECRET")
            .stdin(Stdio::null());
        shell
    }

    /// Runs a command to its end, or until it is ready if it stays; gives what it printed.
    fn run(&mut self, command: &str) -> String {
        if let Some(staying) = command.strip_suffix(" &") {
            self.stop();
            let process = self
                .shell(&format!("exec {staying}"))
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn();
            self.running = Some(process.unwrap());
            eventually("what the page starts is ready", || {
                self.shell("onelane health")
                    .output()
                    .unwrap()
                    .status
                    .success()
            });
            return String::new();
        }
        let clicks = command.matches("/cart & done").count() * 3;
        let before = self.file();
        let mut shell = self.shell(command);
        let output = thread::scope(|scope| {
            let ended = scope.spawn(move || shell.output().unwrap());
            self.serve(clicks);
            ended.join().unwrap()
        });
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{command}: {errors}");
        assert_eq!(errors, "", "{command}");
        if self.file() != before {
            let ask = "curl -s http://127.0.0.1:9180/metrics | grep '^onelane_config_reloads_total{result=\"ok\"} [^0]'";
            eventually("the change is in force", || {
                self.shell(ask).output().unwrap().status.success()
            });
        }
        String::from_utf8(output.stdout).unwrap()
    }

    fn file(&self) -> String {
        fs::read_to_string(self.folder.path().join("onelane.yaml")).unwrap()
    }

    /// Answers as many requests: when all are inside where nobody waits, else one by one.
    fn serve(&self, clicks: usize) {
        if self.file().contains("mode: observe") {
            let inside: Vec<_> = (0..clicks).map(|_| self.app.arrival()).collect();
            inside.iter().for_each(|request| request.release());
        } else {
            for waiting in (0..clicks).rev() {
                let request = self.app.arrival();
                let ask = format!(
                    "curl -s http://127.0.0.1:9180/metrics | grep '^onelane_waiters {waiting}$'"
                );
                eventually("the others have come, and wait", || {
                    self.shell(&ask).output().unwrap().status.success()
                });
                let seen = self.app.seen();
                let inside = seen.iter().filter(|request| request.left.is_none());
                assert_eq!(inside.count(), 1, "two of one session met");
                request.release();
                request.left();
            }
        }
    }

    fn stop(&mut self) {
        if let Some(mut process) = self.running.take() {
            drop(process.kill());
            drop(process.wait());
        }
    }
}

impl Drop for Walk {
    fn drop(&mut self) {
        self.stop();
    }
}

fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("docs")
        .join(name);
    fs::read_to_string(path).unwrap()
}

/// Runs all that a page shows; gives what differs.
fn differences(page: &str) -> Vec<String> {
    let mut walk = Walk::begin(page);
    let mut found = Vec::new();
    for Shown { command, output } in shown(page) {
        let printed = walk.run(&command);
        if printed != output {
            found.push(format!("$ {command}\n{printed}instead of\n{output}"));
        }
    }
    found
}

#[test]
fn getting_started_works_as_it_stands() {
    let page = page("getting-started.md");
    assert!(shown(&page).len() > 8);
    assert_eq!(differences(&page), Vec::<String>::new());
}

#[test]
fn how_it_decides_shows_what_explain_says() {
    let page = page("how-it-decides.md");
    assert_eq!(shown(&page).len(), 3);
    assert_eq!(differences(&page), Vec::<String>::new());
}

#[test]
fn a_page_that_shows_something_else_is_noticed() {
    let page = "```yaml\nsession: { preset: aspnet }\n```\n```console\n$ onelane check onelane.yaml\nall is well.\n```";
    let differences = differences(page);
    assert_eq!(differences.len(), 1);
    assert!(
        differences[0].contains("onelane.yaml is valid."),
        "{differences:?}"
    );
}

/// The Markdown files for operators.
fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = fs::read_dir(root.join("docs")).unwrap();
    let docs = docs.map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> = docs
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    found.push(root.join("README.md"));
    found
}

#[test]
fn every_command_in_the_documents_is_one() {
    let known = Command::new(env!("CARGO_BIN_EXE_onelane"))
        .arg("--help")
        .output()
        .unwrap();
    let known = String::from_utf8(known.stdout).unwrap();
    let mut seen = 0;
    for path in pages() {
        let text = fs::read_to_string(&path).unwrap();
        for block in ["sh", "console"]
            .iter()
            .flat_map(|language| blocks(&text, language))
        {
            for line in block.lines() {
                let line = line.strip_prefix("$ ").unwrap_or(line);
                if let Some(command) = line.strip_prefix("onelane ") {
                    let command = command.split(' ').next().unwrap();
                    assert!(
                        known.contains(&format!("\n  {command} ")),
                        "{}: {line}",
                        path.display()
                    );
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > 5, "only {seen} commands were found");
}
