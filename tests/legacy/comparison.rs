//! The comparison in its short form: what `docs/comparison.md` claims is so after every change, too.
//!
//! A test program of its own, so that nothing else runs beside it. `cargo bench --bench comparison` measures the full form.
//! Guarantees: claims of the same scenarios; each with its control, the application without Onelane. What is counted has to
//! be as claimed. Times have a leeway, since this is a test and no measurement: the machine may have other work.

#[allow(dead_code, reason = "the tests of each application use the rest")]
mod applications;
#[allow(dead_code, reason = "the tests of each application use the rest")]
mod http;
#[allow(dead_code, reason = "the tests of each application use the rest")]
mod onelane;
#[allow(dead_code, reason = "the benchmark uses the rest")]
mod plan; // what is compared, and what is claimed of it
#[allow(dead_code, reason = "the tests of each application use the rest")]
mod process;
mod scenarios; // what is measured of an application, bare and behind Onelane

use plan::setting::Stage;
use plan::{CHAPTERS, Extent};

/// One after another, in one test: they would measure each other otherwise.
#[test]
fn what_the_comparison_claims_is_so() {
    let (mut stage, mut missed) = (Stage::new(|_| {}), Vec::new());
    for chapter in CHAPTERS {
        let part = (chapter.run)(&mut stage, Extent::Short)
            .unwrap_or_else(|error| panic!("{}: {error}", chapter.name));
        assert!(!part.claims.is_empty(), "{} claims nothing", chapter.name);
        let wrong = part
            .claims
            .iter()
            .filter(|claim| !claim.holds_within(LEEWAY));
        missed.extend(wrong.map(|claim| format!("{}: {claim}", chapter.name)));
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

/// Without Onelane the times are several times as long.
const LEEWAY: f64 = 1.5;
