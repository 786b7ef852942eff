//! What the program says of itself: help, version, completions, manual pages, schema; the real binary, as a process.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::support::Upstream;

fn onelane(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_onelane"))
        .args(arguments)
        .env_remove("ONELANE_CONFIG")
        .env("CLICOLOR", "1")
        .output()
        .unwrap()
}

/// What is printed by a call that succeeds.
#[track_caller]
fn printed(arguments: &[&str]) -> String {
    let output = onelane(arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}");
    assert_eq!(output.stderr, b"", "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The commands that `onelane --help` lists.
fn commands() -> Vec<String> {
    let help = printed(&["--help"]);
    let listed = help.split_once("Commands:\n").unwrap().1;
    let listed = listed.split("\n\n").next().unwrap();
    let first = |line: &str| {
        line.strip_prefix("  ")?
            .split(' ')
            .next()
            .map(str::to_owned)
    };
    listed
        .lines()
        .filter_map(first)
        .filter(|word| !word.is_empty() && word != "help")
        .collect()
}

#[test]
fn every_command_is_there() {
    let expected = [
        "run",
        "check",
        "explain",
        "advise",
        "demo",
        "health",
        "schema",
        "completions",
        "man",
        "version",
    ];
    let commands = commands();
    for command in expected {
        assert!(
            commands.iter().any(|listed| listed == command),
            "{commands:?}"
        );
    }
}

#[test]
fn every_help_has_an_example_fits_the_terminal_and_has_no_colours() {
    let mut pages = vec![printed(&["--help"])];
    for command in commands() {
        for help in ["--help", "-h"] {
            let page = printed(&[&command, help]);
            assert!(
                page.contains("\nExample"),
                "{command} has no example:\n{page}"
            );
            pages.push(page);
        }
    }
    for page in pages {
        assert!(
            !page.contains('\u{1b}'),
            "colours without a terminal:\n{page}"
        );
        let long = page.lines().find(|line| line.chars().count() > 80);
        assert_eq!(long, None, "{page}");
    }
}

#[test]
fn wrong_arguments_are_exit_code_64_with_a_hint_and_without_colours() {
    for arguments in [
        &["rnu"][..],
        &["run", "--confg", "x"],
        &["completions", "tcsh"],
        &[],
    ] {
        let output = onelane(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{arguments:?}: {said}");
        assert!(!said.contains('\u{1b}') && !said.is_empty(), "{said}");
    }
}

#[test]
fn the_schema_is_the_file_beside_the_examples() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/onelane.schema.json");
    let file = fs::read_to_string(file).unwrap().replace("\r\n", "\n");
    assert!(
        printed(&["schema"]) == file,
        "config/onelane.schema.json is old"
    );
}

#[test]
fn every_shell_has_completions_for_every_command() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = printed(&["completions", shell]);
        for command in commands() {
            assert!(script.contains(&command), "{shell}: {command}");
        }
    }
}

/// Whether bash takes `script`: what it says if not.
#[cfg(unix)]
fn bash(script: &str, arguments: &[&str]) -> Output {
    let mut bash = Command::new("bash")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = bash.stdin.take().unwrap();
    stdin.write_all(script.as_bytes()).unwrap();
    drop(stdin);
    bash.wait_with_output().unwrap()
}

#[cfg(unix)]
#[test]
fn bash_takes_its_completions_and_completes_with_them() {
    let script = printed(&["completions", "bash"]);
    assert!(bash(&script, &["-n"]).status.success());
    assert!(!bash("onelane() {", &["-n"]).status.success());
    let completed = |words: &str, at: usize| {
        let ask = format!(
            "{script}\nCOMP_WORDS=({words}); COMP_CWORD={at}; _onelane onelane \"${{COMP_WORDS[{at}]}}\" x; echo \"${{COMPREPLY[*]}}\""
        );
        let output = bash(&ask, &[]);
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(completed("onelane heal", 1), "health");
    assert_eq!(completed("onelane completions fi", 2), "fish");
    assert_eq!(completed("onelane version --js", 2), "--json");
}

#[test]
fn every_command_has_a_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    assert_eq!(printed(&["man", path]), "");
    let mut pages: Vec<String> = fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    // Those of a command's own commands (`service install`) are beside it.
    pages.retain(|page| page.matches('-').count() < 2);
    pages.sort();
    let mut expected: Vec<String> = commands()
        .iter()
        .map(|command| format!("onelane-{command}.1"))
        .collect();
    expected.push("onelane.1".to_owned());
    expected.sort();
    assert_eq!(pages, expected);
    for page in pages {
        let text = fs::read_to_string(folder.path().join(&page)).unwrap();
        for part in [".TH ", ".SH NAME", ".SH SYNOPSIS", ".SH DESCRIPTION"] {
            assert!(text.contains(part), "{page}: {part}");
        }
        rendered(&folder.path().join(&page));
    }
    assert_eq!(
        printed(&["man"]).trim_end(),
        fs::read_to_string(folder.path().join("onelane.1"))
            .unwrap()
            .trim_end()
    );
}

/// groff's rendering of a page; it warns of nothing.
fn rendered(page: &Path) {
    let output = Command::new("groff")
        .args(["-man", "-Tascii", "-ww", "-P-cbu"])
        .arg(page)
        .output()
        .expect("groff is not installed: apt-get install -y --no-install-recommends groff-base");
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "",
        "{}",
        page.display()
    );
    assert!(String::from_utf8_lossy(&output.stdout).contains("SYNOPSIS"));
}

#[test]
fn manual_pages_that_cannot_be_written_are_exit_code_1() {
    let folder = tempfile::tempdir().unwrap();
    let absent = folder.path().join("absent");
    let output = onelane(&["man", absent.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .starts_with("cannot write to ")
    );
}

#[test]
fn the_version_says_how_it_was_built() {
    let version = env!("CARGO_PKG_VERSION");
    let json: serde_json::Value = serde_json::from_str(&printed(&["version", "--json"])).unwrap();
    assert_eq!(json["version"], version);
    let target = json["target"].as_str().unwrap();
    assert!(target.starts_with(std::env::consts::ARCH), "{target}");
    assert!(json["features"].as_array().unwrap().contains(&"tls".into()));
    let text = printed(&["version"]);
    assert!(
        text.starts_with(&format!("onelane {version}\ncommit: ")),
        "{text}"
    );
    assert!(text.contains(&format!("\ntarget: {target}\n")), "{text}");
    assert_eq!(printed(&["--version"]), format!("onelane {version}\n"));
}

#[test]
fn health_asks_for_readiness_where_the_url_names_nothing_else() {
    let app = Upstream::start();
    for (path, asked) in [
        ("", "/readyz"),
        ("/", "/readyz"),
        ("/livez", "/livez"),
        ("/?x", "/?x"),
    ] {
        let output = onelane(&[
            "health",
            "--url",
            &format!("http://{}{path}", app.address()),
        ]);
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(app.arrival().seen.target, asked);
    }
}

#[test]
fn a_url_that_health_cannot_ask_is_exit_code_64() {
    for url in [
        "https://127.0.0.1:9180/readyz",
        "127.0.0.1:9180",
        "unix:/run/onelane.sock",
    ] {
        let output = onelane(&["health", "--url", url]);
        assert_eq!(output.status.code(), Some(64), "{url}");
        assert!(
            !output.stderr.is_empty() && output.stdout.is_empty(),
            "{url}"
        );
    }
}
