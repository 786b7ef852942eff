//! The comparison in its short form: what `docs/comparison.md` claims is so after every change, too.
//!
//! `cargo bench --bench comparison` measures the full form. Guarantees: the same claims with the same bounds, of the same
//! scenarios; each with its control, the application without Onelane.

use crate::plan::{CHAPTERS, Extent};

/// One after another, in one test: they would measure each other otherwise.
#[test]
fn what_the_comparison_claims_is_so() {
    let mut missed = Vec::new();
    for chapter in CHAPTERS {
        let part = (chapter.run)(Extent::Short).unwrap_or_else(|error| {
            panic!("{}: {error}", chapter.name);
        });
        assert!(!part.claims.is_empty(), "{} claims nothing", chapter.name);
        let wrong = part.claims.iter().filter(|claim| !claim.holds());
        missed.extend(wrong.map(|claim| format!("{}: {claim}", chapter.name)));
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}
