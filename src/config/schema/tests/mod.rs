//! The schema against the reader: keys, values, mistakes, examples; by an independent validator.

mod agreement;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use jsonschema::Validator;

use super::super::log::LOG;
use super::*;
use crate::config::Config;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn validator() -> Validator {
    jsonschema::draft7::new(&schema()).unwrap()
}

/// Why the schema refuses `text`; empty when it does not.
fn refused(validator: &Validator, text: &str) -> Vec<String> {
    let value: Json = serde_yaml::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    validator
        .iter_errors(&value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

/// What the reader says of `text`: problems, or none.
fn read(text: &str) -> Vec<String> {
    match Config::parse(text, &|_| None) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.iter().map(|error| error.problem.clone()).collect(),
    }
}

/// The files below `folder` that end with `extension`.
fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut folders = vec![root().join(folder)];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The YAML blocks of a document.
fn blocks(document: &str) -> Vec<String> {
    let yaml = document.split("```yaml\n").skip(1);
    yaml.filter_map(|rest| rest.split("```").next().map(str::to_owned))
        .collect()
}

/// The sections of a schema with their key paths, as far as they have properties.
fn sections<'s>(at: &str, shape: &'s Json, found: &mut Vec<(String, &'s Map<String, Json>)>) {
    if let Some(properties) = shape.get("properties").and_then(Json::as_object) {
        found.push((at.to_owned(), properties));
        for (key, shape) in properties {
            sections(&format!("{at}.{key}"), shape, found);
        }
    }
    let inner = ["anyOf", "oneOf", "allOf"]
        .into_iter()
        .filter_map(|key| shape.get(key)?.as_array())
        .flatten();
    for shape in inner.chain(shape.get("items")) {
        sections(at, shape, found);
    }
}

#[test]
fn it_is_a_schema_of_draft_07() {
    assert!(jsonschema::meta::is_valid(&schema()));
    assert!(!jsonschema::meta::is_valid(
        &json!({ "$schema": "http://json-schema.org/draft-07/schema#", "type": "section" })
    ));
}

#[test]
fn the_file_for_editors_is_what_the_command_prints() {
    let path = root().join("config/onelane.schema.json");
    let printed = schema_text();
    if std::env::var_os("ONELANE_WRITE_DOCS").is_some() {
        fs::write(&path, &printed).unwrap();
    }
    let file = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        file.replace("\r\n", "\n") == printed,
        "config/onelane.schema.json is old; ONELANE_WRITE_DOCS=1 cargo test --lib schema writes it"
    );
}

#[test]
fn every_example_file_names_it_and_fits() {
    let validator = validator();
    let files = files("config", "yaml");
    assert!(files.len() > 5);
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        let path = path.display();
        assert_eq!(refused(&validator, &text), Vec::<String>::new(), "{path}");
        assert!(
            text.starts_with("# yaml-language-server: $schema=onelane.schema.json\n"),
            "{path}"
        );
    }
}

#[test]
fn every_configuration_in_the_documents_fits() {
    let validator = validator();
    let mut documents = files("docs", "md");
    documents.extend(files("companion", "md"));
    documents.push(root().join("README.md"));
    let mut count = 0;
    for path in documents {
        for block in blocks(&fs::read_to_string(&path).unwrap()) {
            if Config::parse(&block, &|_| None).is_ok() {
                count += 1;
                assert_eq!(
                    refused(&validator, &block),
                    Vec::<String>::new(),
                    "{}:\n{block}",
                    path.display()
                );
            }
        }
    }
    assert!(count >= 3, "only {count} blocks were found");
}

#[test]
fn a_key_that_only_one_of_the_two_knows_is_noticed() {
    let both = || vec![("format", text()), ("access", truth())];
    assert_eq!(drift(&LOG, &both()), Vec::<String>::new());
    let mut more = both();
    more.push(("colour", text()));
    assert_eq!(drift(&LOG, &more), ["colour is not read"]);
    assert_eq!(
        drift(&LOG, &vec![("format", text())]),
        ["access is not in the schema"]
    );
}

#[test]
fn every_section_of_the_reader_is_drawn() {
    let drawn = [include_str!("../mod.rs"), include_str!("../edges.rs")].concat();
    let mut names = BTreeSet::new();
    let is_test = |path: &PathBuf| path.components().any(|part| part.as_os_str() == "tests");
    for path in files("src/config", "rs")
        .iter()
        .filter(|path| !is_test(path))
    {
        let text = fs::read_to_string(path).unwrap();
        let module = path.file_stem().unwrap().to_str().unwrap().to_owned();
        for (before, _) in text
            .match_indices(": Keys = Keys {")
            .map(|(at, _)| text.split_at(at))
        {
            let name = before.rsplit(' ').next().unwrap().to_owned();
            if module != "reader" {
                names.insert((module.clone(), name));
            }
        }
    }
    assert!(names.len() > 20, "{names:?}");
    for (module, name) in names {
        let used = match module.as_str() {
            "mod" => format!("&{name},"),
            _ => format!("{module}::{name}"),
        };
        assert!(drawn.contains(&used), "{used} is not in the schema");
    }
}

#[test]
fn every_key_says_what_it_does() {
    let schema = schema();
    let mut found = Vec::new();
    sections("", &schema, &mut found);
    assert!(found.len() > 20);
    let mut silent = Vec::new();
    for (at, properties) in found {
        for (key, shape) in properties {
            if at != ".refusals" && shape.get("description").is_none() {
                silent.push(format!("{at}.{key}"));
            }
        }
    }
    assert_eq!(silent, Vec::<String>::new());
}

#[test]
fn comments_are_found_at_their_keys() {
    let handbook = Handbook::new();
    for (at, begins) in [
        ("queue.limit", "waiters in one lane; one more"),
        ("upstream.tls.ca", "who may vouch"),
        ("upstreams.fail_timeout", "so long it is passed over"),
        ("upstreams.connect_timeout", "a restart of the application"),
        ("session.keys.max_length", "what is longer"),
        ("routes.follow_hold", "longest time a read that follows"),
        (
            "throttle.concurrent",
            "requests from arrival until the application has finished, also after the client has left; not while",
        ),
        ("affinity.cookie", "names the node"),
    ] {
        let description = handbook.description(at).unwrap_or_default();
        assert!(description.starts_with(begins), "{at}: {description}");
    }
    assert_eq!(handbook.default_of("queue.limit"), Some(&json!(50)));
    assert_eq!(
        handbook.default_of("upstreams.keep_alive"),
        Some(&json!("4s"))
    );
    assert_eq!(handbook.default_of("routes.queue.limit"), None);
    assert_eq!(handbook.default_of("session.secret"), None);
}

#[test]
fn defaults_fit_their_own_shapes() {
    let schema = schema();
    let mut found = Vec::new();
    sections("", &schema, &mut found);
    let mut count = 0;
    for (at, properties) in found {
        for (key, shape) in properties {
            let Some(default) = shape.get("default") else {
                continue;
            };
            let mut alone = shape.clone();
            alone["definitions"] = schema["definitions"].clone();
            let validator = jsonschema::draft7::new(&alone).unwrap();
            assert!(validator.is_valid(default), "{at}.{key}: {default}");
            count += 1;
        }
    }
    assert!(count > 50, "only {count} defaults");
}
