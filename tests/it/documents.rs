//! What the documents show works: each YAML block is a valid configuration, each metric exists, each file that is linked is there.
//!
//! Does not do: judge the prose.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use onelane::config::Config;

use crate::support::{Proxy, Upstream};

/// The README, and all pages below `docs` and `companion`.
fn documents() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = vec![root.join("README.md")];
    let mut folders = vec![root.join("docs"), root.join("companion")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|is| is == "md") {
                found.push(path);
            }
        }
    }
    found
        .into_iter()
        .map(|path| (path.clone(), fs::read_to_string(&path).unwrap()))
        .collect()
}

/// The contents of the fenced blocks of a language.
fn blocks<'t>(text: &'t str, language: &str) -> Vec<&'t str> {
    let fence = format!("```{language}\n");
    let parts = text.split(fence.as_str()).skip(1);
    parts
        .map(|part| part.split("```").next().unwrap())
        .collect()
}

#[test]
fn each_yaml_block_of_the_documents_is_a_valid_configuration() {
    let mut seen = 0;
    for (path, text) in documents() {
        for block in blocks(&text, "yaml") {
            // Certificates are files that a reader has, and we have not.
            let block = block.replace("tls: { cert: site.pem, key: site.key }", "http2: false");
            if let Err(problems) = Config::parse(&block, &|_| Some("set".to_owned())) {
                panic!("{}:\n{problems}\nin:\n{block}", path.display());
            }
            seen += 1;
        }
    }
    assert!(
        seen > 5,
        "only {seen} blocks were found: is the fence another?"
    );
}

#[test]
fn a_block_that_is_no_configuration_is_noticed() {
    let text = "```yaml\nsession: { preset: aspnett }\n```";
    let block = blocks(text, "yaml")[0];
    assert!(Config::parse(block, &|_| None).is_err());
}

#[test]
fn each_metric_that_the_documents_name_exists() {
    let app = Upstream::start();
    let proxy = Proxy::in_front_of(&app, "");
    let names = proxy.metric_names();
    // A histogram is declared once, and has samples of three names.
    let samples = |name: &String| ["_bucket", "_sum", "_count"].map(|end| format!("{name}{end}"));
    let known: BTreeSet<String> = names
        .iter()
        .flat_map(samples)
        .chain(names.iter().cloned())
        .collect();
    for (path, text) in documents() {
        for word in text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
            let is_metric = word.starts_with("onelane_") && word.len() > "onelane_".len();
            if is_metric && !is_file(word) {
                assert!(known.contains(word), "{}: {word}", path.display());
            }
        }
    }
}

/// Names that begin as metrics do, and are none.
fn is_file(word: &str) -> bool {
    ["onelane_prepend", "onelane_append", "onelane_node"].contains(&word)
}

#[test]
fn each_file_that_the_documents_link_is_there() {
    for (path, text) in documents() {
        let links = text.split("](").skip(1);
        for link in links.filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap();
            if file.is_empty() || file.contains("://") {
                continue;
            }
            let target = path.parent().unwrap().join(file);
            assert!(target.exists(), "{}: {link}", path.display());
        }
    }
}
