//! The comparison in its short form: what `docs/comparison.md` claims is so after every change, too.
//!
//! A test program of its own, so that nothing else runs beside it. `cargo bench --bench comparison` measures the full form.
//! Guarantees: every claim of the full form is judged, with the same bound, and with its control, the application without
//! Onelane; only what is no claim, or more of the same, is left out.

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

use std::iter;
use std::panic::resume_unwind;
use std::sync::Mutex;
use std::thread;

use plan::claim::Claim;
use plan::setting::Stage;
use plan::{CHAPTERS, Chapter, Extent, Judged};

/// What is counted may be counted beside each other, and is mostly waiting; what is timed has the machine to itself.
#[test]
fn what_the_comparison_claims_is_so() {
    let (counts, times): (Vec<Chapter>, Vec<Chapter>) = CHAPTERS
        .into_iter()
        .partition(|chapter| chapter.judged == Judged::Counts);
    let counts = Mutex::new(counts.into_iter());
    let next = || counts.lock().unwrap().next();
    let mut stage = Stage::new(|_| {});
    let mut claims = thread::scope(|scope| {
        let threads: Vec<_> = (0..BESIDE)
            .map(|_| scope.spawn(|| claims_of(&mut Stage::new(|_| {}), iter::from_fn(next))))
            .collect();
        plan::start_the_timed(&mut stage).unwrap(); // most of the others' time is waiting
        let ended = threads.into_iter().map(thread::ScopedJoinHandle::join);
        let found = ended.map(|end| end.unwrap_or_else(|panic| resume_unwind(panic)).unwrap());
        found.collect::<Vec<_>>().concat()
    });
    claims.extend(claims_of(&mut stage, times.into_iter()).unwrap());
    let all_hold = claims.iter().all(|(_, claim)| claim.holds());
    let lines: Vec<String> = claims
        .iter()
        .map(|(chapter, claim)| format!("{chapter}: {claim}"))
        .collect();
    assert!(all_hold, "all claims:\n{}", lines.join("\n"));
}

/// Of these chapters, one after another; each with the name of its chapter.
fn claims_of(
    stage: &mut Stage,
    chapters: impl Iterator<Item = Chapter>,
) -> Result<Vec<(&'static str, Claim)>, String> {
    let mut claims = Vec::new();
    for Chapter { name, run, .. } in chapters {
        let part = run(stage, Extent::Short).map_err(|error| format!("{name}: {error}"))?;
        if part.claims.is_empty() {
            return Err(format!("{name} claims nothing"));
        }
        claims.extend(part.claims.into_iter().map(|claim| (name, claim)));
    }
    Ok(claims)
}

/// Chapters of counts at a time: the longest of them takes as long as the others in two lines.
const BESIDE: usize = 3;
