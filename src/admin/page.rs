//! The dashboard's files, as they were when the program was built.
//!
//! Guarantees: complete and without anything from outside, so that the page works where there is no network; nothing in
//! them depends on a request, so that what clients wrote reaches the page as JSON alone.
//! Does not do: answer; read files.

/// One file of the dashboard.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page {
    /// Its media type.
    pub(super) content_type: &'static str,
    /// All of it.
    pub(super) body: &'static [u8],
}

/// The file at `path`, if the dashboard has one there.
pub(super) fn page(path: &str) -> Option<Page> {
    let (_, content_type, text) = FILES.iter().find(|(at, _, _)| *at == path)?;
    Some(Page {
        content_type,
        body: text.as_bytes(),
    })
}

/// What a browser may do with an answer of this listener: nothing but to run these files, to ask this listener, and to
/// make text of what it gets. Even a page that took a path for HTML could not run it: there are no inline scripts, and
/// Trusted Types turn every way from text to HTML into an error.
pub(super) const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'";

const CSS: &str = "text/css; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// By path.
const FILES: [(&str, &str, &str); 12] = [
    ("/", HTML, include_str!("dashboard/index.html")),
    (
        "/advice.js",
        JAVASCRIPT,
        include_str!("dashboard/advice.js"),
    ),
    ("/app.js", JAVASCRIPT, include_str!("dashboard/app.js")),
    (
        "/charts.js",
        JAVASCRIPT,
        include_str!("dashboard/charts.js"),
    ),
    ("/dom.js", JAVASCRIPT, include_str!("dashboard/dom.js")),
    ("/icon.svg", SVG, include_str!("dashboard/icon.svg")),
    ("/lanes.js", JAVASCRIPT, include_str!("dashboard/lanes.js")),
    ("/live.js", JAVASCRIPT, include_str!("dashboard/live.js")),
    ("/model.js", JAVASCRIPT, include_str!("dashboard/model.js")),
    (
        "/panels.js",
        JAVASCRIPT,
        include_str!("dashboard/panels.js"),
    ),
    (
        "/release.js",
        JAVASCRIPT,
        include_str!("dashboard/release.js"),
    ),
    ("/style.css", CSS, include_str!("dashboard/style.css")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_that_a_file_names_is_there() {
        let mut named = 0;
        for (path, _, text) in FILES {
            for part in text.split(['"', '\'', '(', ')']) {
                let name = part.strip_prefix("./").unwrap_or(part);
                let is_file = [".js", ".css", ".svg"]
                    .iter()
                    .any(|end| name.ends_with(end));
                if is_file && !name.contains(' ') {
                    named += 1;
                    assert!(page(&format!("/{name}")).is_some(), "{path} names {name}");
                }
            }
        }
        assert!(named >= FILES.len() - 1, "{named}");
        assert!(page("/other.js").is_none() && page("").is_none());
    }

    #[test]
    fn nothing_makes_html_of_text_or_names_another_site() {
        let forbidden = [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "DOMParser",
            "eval(",
            "localStorage",
            "sessionStorage",
            "document.cookie",
            "https://",
            "style=\"",
            "onclick=",
            "@import",
            "url(",
        ];
        for (path, _, text) in FILES {
            for word in forbidden {
                assert!(!text.contains(word), "{path} has {word}");
            }
            // The name of SVG is one that looks like an address and is none.
            let others = text.replace("http://www.w3.org/2000/svg", "");
            assert!(!others.contains("http://"), "{path} names a site");
        }
    }
}
