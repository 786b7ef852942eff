//! `onelane explain METHOD URL`: which route a request hits and why, its session's digest and its limits.
//!
//! Guarantees: says what the running proxy would decide, by the same code; shows no session id, cookie or header value.
//! Does not do: ask a running proxy; the digest is the same only where `session.secret` is set.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Uri};

use crate::config::Config;
use crate::gateway::explain::{explain as decide, request};
use crate::upstream::Nodes;

/// What `explain` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The request's method, such as GET
    #[arg(value_parser = method)]
    method: Method,
    /// The request's URL, or its path and query
    #[arg(value_parser = target)]
    url: Uri,
    /// A header of the request; may be given several times
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(HeaderName, HeaderValue)>,
    #[command(flatten)]
    config: super::ConfigFile,
}

/// Prints what is decided about the request; gives 0, or 64 when the configuration is wrong.
pub(super) fn explain(arguments: &Arguments) -> ExitCode {
    match super::load(&arguments.config.path) {
        Ok(config) => {
            let request = request(&arguments.method, &arguments.url, &arguments.headers);
            super::say(report(&config, &request, &arguments.config.path).trim_end());
            ExitCode::SUCCESS
        }
        Err(errors) => super::refuse(&errors),
    }
}

fn report(config: &Config, request: &Parts, file: &Path) -> String {
    let nodes = Nodes::new(config.startup.upstream.clone(), Instant::now());
    let mut text = String::new();
    for said in decide(&config.policy, &nodes, request).lines {
        line(&mut text, &said.title, &said.text);
    }
    if !config.warnings.is_empty() {
        line(
            &mut text,
            "doubtful",
            &format!(
                "the file has warnings; onelane check {} says which",
                file.display()
            ),
        );
    }
    text
}

fn line(text: &mut String, title: &str, what: &str) {
    writeln!(text, "{title:<12} {what}").expect("a String takes all");
}

/// A method, also in small letters: on the wire those would be another method, which nobody asks about.
fn method(text: &str) -> Result<Method, String> {
    Method::from_bytes(text.to_ascii_uppercase().as_bytes()).map_err(|error| error.to_string())
}

/// A URL, or a path with a query.
fn target(text: &str) -> Result<Uri, String> {
    let uri: Uri = text.parse().map_err(|error| format!("{error}"))?;
    match uri.scheme_str() {
        Some("http" | "https") => Ok(uri),
        None if text.starts_with('/') => Ok(uri),
        _ => Err("begin it with / or http://".to_owned()),
    }
}

/// `Name: value`.
fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("write it as 'Name: value'")?;
    let name = name
        .trim()
        .parse::<HeaderName>()
        .map_err(|error| error.to_string())?;
    let value = HeaderValue::from_str(value.trim()).map_err(|error| error.to_string())?;
    Ok((name, value))
}
