//! The house rules that a machine can check: layers, purity, headers, sizes, forbidden words, the metrics' table.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What each module may import (`crate::...`), as ARCHITECTURE.md has it; its own parts always. A module that is not here
/// fails the test.
const LAYERS: &[(&str, &[&str])] = &[
    ("metrics", &[]),
    ("memory", &[]),
    ("pace", &[]),
    ("shutdown", &[]),
    ("socket", &[]),
    ("client", &[]),
    ("throttle", &["client"]),
    ("session", &[]),
    ("lane", &["session"]),
    ("route", &["lane", "session"]),
    ("evidence", &["route", "session"]),
    ("watch", &[]),
    ("tls", &["watch"]),
    ("upstream", &["socket", "tls"]),
    ("traces", &["metrics", "tls"]),
    (
        "gateway",
        &[
            "client", "throttle", "session", "lane", "route", "upstream", "metrics", "memory",
            "pace", "shutdown", "socket", "evidence", "traces",
        ],
    ),
    (
        "config",
        &[
            "gateway", "client", "throttle", "session", "lane", "route", "upstream", "tls", "pace",
            "traces",
        ],
    ),
    (
        "server",
        &[
            "gateway", "client", "throttle", "tls", "metrics", "pace", "shutdown", "socket",
        ],
    ),
    ("reload", &["config", "gateway", "metrics", "watch"]),
    (
        "admin",
        &[
            "config", "gateway", "client", "throttle", "session", "lane", "route", "metrics",
            "evidence", "shutdown",
        ],
    ),
    (
        "app",
        &[
            "server", "admin", "config", "gateway", "client", "throttle", "session", "lane",
            "upstream", "tls", "metrics", "memory", "pace", "shutdown", "evidence", "reload",
            "watch", "traces",
        ],
    ),
    (
        "cli",
        &[
            "app", "admin", "config", "gateway", "route", "session", "lane", "upstream",
            "evidence", "reload",
        ],
    ),
];

/// Where the tests of a file begin, if they are in it.
const INLINE_TESTS: &str = "\n#[cfg(test)]\nmod tests {";

/// A source file: its path below the package, its text, and the text before its tests, without comments.
pub(crate) struct Source {
    path: String,
    text: String,
    pub(crate) code: String,
}

impl Source {
    /// The module it belongs to: the first folder below `src`, or its own name.
    fn module(&self) -> &str {
        let below = self.path.strip_prefix("src/").unwrap_or(&self.path);
        below.split(['/', '.']).next().unwrap_or_default()
    }

    /// Whether all of it is tests.
    fn is_test(&self) -> bool {
        !self.path.starts_with("src/")
            || self.path.ends_with("/tests.rs")
            || self.path.contains("/tests/")
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &str) -> Vec<Source> {
    let mut folders = vec![root().join(folder)];
    let mut files: Vec<PathBuf> = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files.iter().map(|path| source(path)).collect()
}

fn source(path: &Path) -> Source {
    let text = fs::read_to_string(path).unwrap();
    let before_tests = text.split(INLINE_TESTS).next().unwrap_or_default();
    let code = before_tests
        .lines()
        .map(without_comment)
        .collect::<Vec<_>>()
        .join("\n");
    let path = path
        .strip_prefix(root())
        .unwrap()
        .to_str()
        .unwrap()
        .replace('\\', "/");
    Source { path, text, code }
}

/// A line up to `//`, unless that is in a URL.
fn without_comment(line: &str) -> &str {
    match line.find("//") {
        Some(at) if !line[..at].ends_with(':') => &line[..at],
        _ => line,
    }
}

pub(crate) fn product() -> Vec<Source> {
    sources("src")
        .into_iter()
        .filter(|source| !source.is_test())
        .collect()
}

#[track_caller]
fn assert_none(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n{}", found.join("\n"));
}

/// The lines of the product's code that contain one of `words`.
fn lines_with(files: &[Source], words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for source in files {
        for (number, line) in (1..).zip(source.code.lines()) {
            if words.iter().any(|word| line.contains(word)) {
                found.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    found
}

/// The modules that `code` names by `crate::x`, also in groups (`crate::{x, y::z}`).
fn imports(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => found.extend(group_members(group)),
            None => found.extend(identifier(rest)),
        }
    }
    found
}

fn group_members(group: &str) -> Vec<String> {
    let mut members = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => {
                members.extend(identifier(&group[start..at]));
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                members.extend(identifier(&group[start..at]));
                start = at + 1;
            }
            _ => {}
        }
    }
    members
}

fn identifier(text: &str) -> Option<String> {
    let text = text.trim_start();
    let end = text
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(text.len());
    (end > 0).then(|| text[..end].to_owned())
}

#[test]
fn imports_are_found_alone_and_in_groups() {
    let code = "use crate::lane::{Permit, Full};\nuse crate::{route, session::{self, Key}};\nlet a = crate::memory::x();";
    let expected = ["lane", "memory", "route", "session"].map(str::to_owned);
    assert_eq!(imports(code), BTreeSet::from(expected));
}

#[test]
fn modules_import_only_from_below() {
    let mut found = Vec::new();
    for source in product() {
        let module = source.module();
        if matches!(module, "lib" | "main") {
            continue;
        }
        let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == module) else {
            found.push(format!(
                "{}: the module is not in the table of layers",
                source.path
            ));
            continue;
        };
        for import in imports(&source.code) {
            if import != module && !allowed.contains(&import.as_str()) {
                found.push(format!("{}: crate::{import}", source.path));
            }
        }
    }
    assert_none("imports against the layers", &found);
}

#[test]
fn the_queue_is_pure() {
    let queue: Vec<Source> = product()
        .into_iter()
        .filter(|source| source.path.starts_with("src/lane/queue"))
        .collect();
    assert!(!queue.is_empty());
    assert_none(
        "not pure",
        &lines_with(
            &queue,
            &["tokio", "async ", ".await", "::now(", "SystemTime", "Mutex"],
        ),
    );
}

#[test]
fn only_config_knows_yaml() {
    let others: Vec<Source> = product()
        .into_iter()
        .filter(|source| source.module() != "config")
        .collect();
    assert_none(
        "YAML outside of config",
        &lines_with(&others, &["serde_yaml", "marked_yaml"]),
    );
}

#[test]
fn every_file_says_what_it_is() {
    let mut found: Vec<String> = Vec::new();
    for source in sources("src").into_iter().chain(sources("tests")) {
        if !source.text.starts_with("//! ") {
            found.push(source.path);
        } else if source.text.starts_with("//! stub") {
            found.push(format!("{}: a stub", source.path));
        }
    }
    assert_none("no `//!` at the head", &found);
}

#[test]
fn files_are_short() {
    let long = |source: &Source| source.code.lines().count() > 400;
    let found: Vec<String> = product()
        .into_iter()
        .filter(long)
        .map(|source| source.path)
        .collect();
    assert_none("more than 400 lines before the tests", &found);
}

#[test]
fn tests_in_a_file_are_short_or_have_their_own() {
    let length = |source: &Source| {
        source
            .text
            .split(INLINE_TESTS)
            .nth(1)
            .map_or(0, |tests| tests.lines().count())
    };
    let found: Vec<String> = product()
        .iter()
        .filter(|source| length(source) > 150)
        .map(|source| format!("{}: {}", source.path, length(source)))
        .collect();
    assert_none("tests that want a tests.rs", &found);
}

#[test]
fn the_product_neither_unwraps_nor_sleeps_nor_panics() {
    let forbidden = [
        ".unwrap()",
        "thread::sleep",
        "panic!(",
        "unreachable!(",
        "todo!(",
        "unimplemented!(",
        "dbg!(",
        "set_var(",
    ];
    assert_none(
        "forbidden in the product",
        &lines_with(&product(), &forbidden),
    );
}

#[test]
fn nothing_is_left_to_do_and_no_test_is_ignored() {
    let marks = [
        "TO".to_owned() + "DO",
        "FIX".to_owned() + "ME",
        "X".repeat(3),
        "#[ig".to_owned() + "nore",
    ];
    let mut found = Vec::new();
    for source in sources("src").into_iter().chain(sources("tests")) {
        for (number, line) in (1..).zip(source.text.lines()) {
            if marks.iter().any(|mark| line.contains(mark)) {
                found.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    assert_none("left to do", &found);
}

#[test]
fn types_have_names_of_their_own() {
    let vague = [
        "Manager",
        "Helper",
        "Util",
        "Handler",
        "Processor",
        "Info",
        "Data",
    ];
    let mut found = Vec::new();
    for source in product() {
        for line in source.code.lines() {
            let mut words = line
                .split_whitespace()
                .skip_while(|word| !matches!(*word, "struct" | "enum" | "trait" | "type"));
            let declared = words.nth(1).and_then(identifier);
            if let Some(name) = declared
                .filter(|name| vague.iter().any(|suffix| name.ends_with(suffix)) && name != "Data")
            {
                found.push(format!("{}: {name}", source.path));
            }
        }
    }
    assert_none("vague names", &found);
}

#[test]
fn the_readme_lists_exactly_the_metrics() {
    let readme = fs::read_to_string(root().join("README.md")).expect("there is a README.md");
    let documented: BTreeSet<String> = metric_names(&readme).collect();
    let declared =
        crate::support::Proxy::in_front_of(&crate::support::Upstream::start(), "").metric_names();
    assert_eq!(documented, declared, "left: README.md, right: /metrics");
}

/// The words of `text` that are names of metrics.
fn metric_names(text: &str) -> impl Iterator<Item = String> {
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
    words
        .filter(|word| word.starts_with("onelane_") || word.starts_with("process_"))
        .map(str::to_owned)
}
