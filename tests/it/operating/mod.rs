//! What operators look at is true: the documents, the dashboard and the alerts go by the metrics and log lines that there
//! are, and nothing of it grows with the number of sessions.

mod deploy;
mod document;
mod exposition;
mod log;
mod promql;
mod size;
mod worries;
