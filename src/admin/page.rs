//! The pages that a browser shows.
//!
//! Guarantees: nothing here depends on what clients sent. Does not do: data; the API has it.

/// A file, as it is served.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page {
    pub(super) content_type: &'static str,
    pub(super) body: &'static [u8],
}

/// The page at `path`.
pub(super) fn page(path: &str) -> Option<Page> {
    (path == "/").then_some(Page {
        content_type: "text/plain; charset=utf-8",
        body: INDEX.as_bytes(),
    })
}

const INDEX: &str = "\
onelane

/livez     200 while the process runs
/readyz    200 while clients are served, 503 while starting or draining
/metrics   OpenMetrics
/evidence  what requests did to their sessions, as JSON; onelane advise reads it
/api/v1/   lanes, clients, routes, policy; /api/openapi.json says what there is, onelane top shows it
";
