//! What must be true of every row, whatever its answer is.

use super::outcome::{Ending, Outcome};
use super::rows::{Row, Validity};

/// What is wrong with how `row` was treated; `both` are the two that it is measured by.
pub(crate) fn violations(row: &Row, own: &Outcome, both: [&Outcome; 2]) -> Vec<String> {
    let mut found = Vec::new();
    answered(row, own, &mut found);
    forwarded(row, own, &mut found);
    let passed = !own.forwarded.is_empty() && both.iter().all(|outcome| outcome.is_refusal());
    let excepted = EXCEPTIONS.iter().any(|(name, _)| *name == row.name);
    match (passed, excepted) {
        (true, false) => found.push("nginx and HAProxy refuse it, and it is forwarded".to_owned()),
        (false, true) => found.push("it is no exception any more".to_owned()),
        (true, true) | (false, false) => {}
    }
    if row.validity == Validity::Valid {
        let served = own.answers.iter().filter(|answer| answer.status == 200);
        if served.count() != row.requests || own.forwarded.len() != row.requests {
            found.push("a valid request is not served".to_owned());
        }
    }
    found
        .into_iter()
        .map(|what| format!("{}: {what}", row.name))
        .collect()
}

/// One well-formed answer for each request, or fewer and the end of the connection.
fn answered(row: &Row, own: &Outcome, found: &mut Vec<String>) {
    let mut say = |what: String| found.push(what);
    for answer in &own.answers {
        if let Some(problem) = &answer.problem {
            say(format!("the answer is malformed: {problem}"));
        }
        if answer.status >= 500 && !matches!(answer.status, 501 | 505) {
            say(format!("{} for what is the client's fault", answer.status));
        }
    }
    match (own.answers.len(), own.ending) {
        (_, Ending::Hung) => say("no answer and no end".to_owned()),
        (0, _) => say("closed without an answer".to_owned()),
        (answers, _) if answers > row.requests => say(format!("{answers} answers")),
        (answers, Ending::Kept) if answers < row.requests => {
            say(format!("{answers} answers, and the connection is kept"));
        }
        _ => {}
    }
    // After these nobody knows where the next request begins.
    let lost = own
        .answers
        .last()
        .is_some_and(|answer| matches!(answer.status, 400 | 408 | 413 | 414 | 431 | 501 | 505));
    if lost && own.ending == Ending::Kept {
        say("the connection is kept although its framing is lost".to_owned());
    }
}

/// What is forwarded is well-formed, framed in one way, each part of an answered request, and as the row demands.
fn forwarded(row: &Row, own: &Outcome, found: &mut Vec<String>) {
    let mut say = |what: String| found.push(what);
    for message in &own.forwarded {
        if let Some(problem) = &message.problem {
            say(format!("what is forwarded is malformed: {problem}"));
        }
        for (name, value) in &row.forwards {
            let values = message.all(name);
            if values != Vec::from_iter(*value) {
                say(format!("{name} is forwarded as {values:?}"));
            }
        }
    }
    let served = own.answers.iter().filter(|answer| answer.status == 200);
    let whole = own.forwarded.iter().filter(|message| message.whole);
    if whole.count() > served.count() {
        say("more is forwarded than was answered".to_owned());
    }
}

/// Rows that nginx and HAProxy refuse and Onelane forwards, with the reason.
pub(super) const EXCEPTIONS: [(&str, &str); 1] = [(
    "`Content-Length: x` after `Transfer-Encoding: chunked`",
    "hyper takes the length away unseen and closes after the answer; what is forwarded is framed in one way",
)];
