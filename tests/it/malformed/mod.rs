//! Malformed and odd requests, sent byte for byte through Onelane, nginx and HAProxy to an application that records
//! what arrives; what is true of all of them; and the table of it in `docs/malformed.md`.

mod document;
mod outcome;
mod proxies;
mod recorder;
mod rows;
mod rules;

pub(crate) use document::{Document, Row as TableRow, own_columns};
pub(crate) use outcome::{Ending, Outcome};
pub(crate) use proxies::{haproxy, nginx};
pub(crate) use recorder::Recorder;
pub(crate) use rows::{Row, rows};
pub(crate) use rules::violations;

/// Sends every row to the proxy at `address` and collects what its client and its application saw.
pub(crate) fn outcomes(
    rows: &[Row],
    address: std::net::SocketAddr,
    recorder: &Recorder,
) -> Vec<Outcome> {
    rows.iter()
        .map(|row| {
            let (answers, ending) = outcome::ask(address, &row.bytes);
            let forwarded = recorder.since_last(address);
            Outcome {
                answers,
                ending,
                forwarded,
            }
        })
        .collect()
}
