//! The corpora, and every past finding, as ordinary tests: no nightly compiler and no libFuzzer.
//!
//! Guarantees: each file of `corpus` and `findings` is run by its target; a target without a corpus, or a folder without
//! a target, is an error.

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use onelane_fuzz::{TARGETS, Target};

#[test]
fn edge() {
    run("edge");
}

#[test]
fn forwarded() {
    run("forwarded");
}

#[test]
fn path() {
    run("path");
}

#[test]
fn proxy_protocol() {
    run("proxy_protocol");
}

#[test]
fn session_key() {
    run("session_key");
}

#[test]
fn yaml() {
    run("yaml");
}

#[test]
fn each_target_has_a_corpus_a_binary_and_a_dictionary_and_nothing_else_has() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let names = |folder: &str| -> BTreeSet<String> {
        let stem = |path: PathBuf| {
            path.file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned()
        };
        entries(&root().join(folder))
            .into_iter()
            .map(stem)
            .collect()
    };
    assert_eq!(names("corpus"), targets);
    assert_eq!(names("fuzz_targets"), targets);
    assert_eq!(names("dictionaries"), targets);
    assert!(names("findings").is_subset(&targets));
}

/// Runs a target on its files, and names the one on which it fails.
fn run(name: &str) {
    let (_, target): &Target = TARGETS
        .iter()
        .find(|(known, _)| *known == name)
        .expect("a target");
    let corpus = entries(&root().join("corpus").join(name));
    assert!(
        corpus.len() >= FEWEST,
        "only {} files in the corpus of {name}",
        corpus.len()
    );
    for file in corpus
        .into_iter()
        .chain(entries(&root().join("findings").join(name)))
    {
        let bytes = fs::read(&file).expect("a file of the corpus");
        let started = Instant::now();
        assert!(
            catch_unwind(|| target(&bytes)).is_ok(),
            "{} fails, as said above",
            file.display()
        );
        let took = started.elapsed();
        assert!(took < LONGEST, "{} took {took:?}", file.display());
    }
}

/// What is in a folder, in order; nothing when there is none.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .map(|entry| entry.expect("an entry").path())
        .collect();
    entries.sort();
    entries
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A corpus with fewer files has been lost.
const FEWEST: usize = 10;
/// Far more than any file needs, on the slowest machine.
const LONGEST: Duration = Duration::from_secs(20);
