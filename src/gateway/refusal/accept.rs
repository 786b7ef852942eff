//! Which body a client would rather have.
//!
//! Guarantees: any `Accept` field, however malformed, gives an answer; what cannot be read counts as not said.
//! Does not do: full content negotiation. There are two forms, and a client that accepts neither gets a problem.

use http::header::{ACCEPT, HeaderMap, HeaderValue};
use smallvec::SmallVec;

/// How a refusal's body looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// A page for people.
    Html,
    /// `application/problem+json` (RFC 9457) for programs.
    Problem,
}

/// The `Accept` lines of a request as they came. Most requests are not refused: to read the lines of each would cost as
/// much as its route and session together.
#[derive(Clone, Debug, Default)]
pub struct Accept(SmallVec<[HeaderValue; 1]>);

/// How well one media type is liked: by the most specific range that covers it.
#[derive(Default)]
struct Preference {
    specificity: Specificity,
    /// Thousandths.
    weight: u16,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Specificity {
    #[default]
    NotCovered,
    /// `*/*`
    Anything,
    /// `text/*`
    Subtypes,
    /// `text/html`
    Exact,
}

impl Accept {
    /// Those of a request with these headers.
    pub fn of(headers: &HeaderMap) -> Self {
        Self(headers.get_all(ACCEPT).iter().cloned().collect())
    }

    /// What the client prefers (RFC 9110 12.5.1): HTML when it names it (as `text/html` or
    /// `text/*`, not just as `*/*`, which every program sends) and likes it no less than JSON; else a problem.
    pub fn format(&self) -> Format {
        let mut html = Preference::default();
        let mut problem = Preference::default();
        let mut json = Preference::default();
        let lines = self.0.iter().filter_map(|line| line.to_str().ok());
        for range in lines.flat_map(|line| split_unquoted(line, ',')) {
            let Some((range, weight)) = parse_range(range) else {
                continue;
            };
            html.consider(&range, "text/html", weight);
            problem.consider(&range, "application/problem+json", weight);
            json.consider(&range, "application/json", weight);
        }
        let named = html.specificity >= Specificity::Subtypes && html.weight > 0;
        if named && html.weight >= problem.weight.max(json.weight) {
            Format::Html
        } else {
            Format::Problem
        }
    }
}

impl Preference {
    fn consider(&mut self, range: &str, media_type: &str, weight: u16) {
        let specificity = covers(range, media_type);
        if specificity > self.specificity {
            *self = Self {
                specificity,
                weight,
            };
        } else if specificity == self.specificity && specificity != Specificity::NotCovered {
            self.weight = self.weight.max(weight);
        }
    }
}

fn covers(range: &str, media_type: &str) -> Specificity {
    if range == media_type {
        Specificity::Exact
    } else if range == "*/*" {
        Specificity::Anything
    } else if range
        .strip_suffix('*')
        .is_some_and(|kind| kind.ends_with('/') && media_type.starts_with(kind))
    {
        Specificity::Subtypes
    } else {
        Specificity::NotCovered
    }
}

/// One media range, in lower case, and its weight in thousandths; None when the weight is malformed. Other parameters
/// (`level=1`, `charset`) are passed over.
fn parse_range(range: &str) -> Option<(String, u16)> {
    let mut parts = split_unquoted(range, ';').map(str::trim);
    let media_type = parts.next()?.to_ascii_lowercase();
    let weight = parts
        .filter_map(|parameter| parameter.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
    match weight {
        None => Some((media_type, 1000)),
        Some((_, weight)) => Some((media_type, parse_weight(weight.trim())?)),
    }
}

/// A `qvalue` in thousandths: `0`, `0.5`, `1.000` (RFC 9110 12.4.2).
fn parse_weight(weight: &str) -> Option<u16> {
    let (whole, fraction) = weight.split_once('.').unwrap_or((weight, ""));
    if !matches!(whole, "0" | "1")
        || fraction.len() > 3
        || !fraction.bytes().all(|digit| digit.is_ascii_digit())
    {
        return None;
    }
    let thousandths = format!("{whole}{fraction:0<3}").parse().ok()?;
    (thousandths <= 1000).then_some(thousandths)
}

/// Splits at `separator`, but not inside a quoted string.
fn split_unquoted(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |character| {
        let splits = character == separator && !quoted;
        quoted ^= character == '"' && !escaped;
        escaped = quoted && character == '\\' && !escaped;
        splits
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(lines: &[&'static str]) -> Format {
        let headers = lines
            .iter()
            .map(|line| (ACCEPT, HeaderValue::from_static(line)))
            .collect();
        Accept::of(&headers).format()
    }

    #[test]
    fn browsers_get_a_page() {
        for browser in [
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
            "text/html, application/xhtml+xml, image/jxr, */*",
            "text/html, application/json",
            "TEXT/HTML ; Q=0.5 , application/json;q=0.4",
            "text/*",
            "text/html;q=0.001",
        ] {
            assert_eq!(accepted(&[browser]), Format::Html, "{browser}");
        }
    }

    #[test]
    fn programs_get_a_problem() {
        for program in [
            "*/*",
            "",
            "application/json",
            "application/json, text/javascript, */*; q=0.01",
            "application/json, text/html;q=0.9",
            "application/problem+json, text/html;q=0.999",
            "image/avif,image/webp,*/*",
            "text/html;q=0",
            "text/html;q=0, text/*, */*",
            "text/html;q=0.5, application/*",
            "text/css",
        ] {
            assert_eq!(accepted(&[program]), Format::Problem, "{program}");
        }
        assert_eq!(accepted(&[]), Format::Problem);
    }

    #[test]
    fn several_lines_are_one_list() {
        assert_eq!(
            accepted(&["application/json;q=0.5", "text/html"]),
            Format::Html
        );
        assert_eq!(
            accepted(&["application/json", "text/html;q=0.5"]),
            Format::Problem
        );
    }

    #[test]
    fn a_separator_inside_a_quoted_string_separates_nothing() {
        assert_eq!(
            accepted(&[r#"application/json;a="\", text/html";q=1"#]),
            Format::Problem
        );
        assert_eq!(
            accepted(&[r#"application/json;a="x";q=0.2, text/html;q=0.3"#]),
            Format::Html
        );
        assert_eq!(accepted(&[r#"text/html;a=";q=0";q=1"#]), Format::Html);
    }

    #[test]
    fn a_range_with_a_malformed_weight_counts_as_not_said() {
        for weight in [
            "2", "1.001", "0.1234", "-1", "", ".5", "0,5", "NaN", "+1", "0.+5", "é",
        ] {
            assert_eq!(parse_weight(weight), None, "{weight}");
        }
        assert_eq!(accepted(&["text/html;q=x"]), Format::Problem);
        assert_eq!(
            accepted(&["application/json;q=x, text/html;q=0.1"]),
            Format::Html
        );
    }

    #[test]
    fn weights_are_thousandths() {
        for (weight, thousandths) in [
            ("0", 0),
            ("1", 1000),
            ("0.5", 500),
            ("0.05", 50),
            ("1.000", 1000),
            ("0.", 0),
        ] {
            assert_eq!(parse_weight(weight), Some(thousandths), "{weight}");
        }
    }
}
