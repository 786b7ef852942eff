//! What a configuration may say, what it means, and what is said of mistakes.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use http::{Method, Request, StatusCode};

use super::*;
use crate::gateway::refusal::Reason;
use crate::gateway::{OnReadWrote, ReadAhead};
use crate::lane::{OnFull, OnHoldLimit};
use crate::route::{Access, Mode, OnClientGone, Reads, Release, Terms};
use crate::session::Found;

mod admin;
mod certificates;
mod client;
mod doubts;
mod files;
mod mistakes;
mod newcomers;
mod stacks;
mod terms;
mod throttle;
mod tracing;
mod upstreams;
mod values;

fn no_environment(_: &str) -> Option<String> {
    None
}

fn config(text: &str) -> Config {
    Config::parse(text, &no_environment).unwrap_or_else(|errors| panic!("{errors}"))
}

fn errors(text: &str) -> Vec<ConfigError> {
    let errors = Config::parse(text, &no_environment).expect_err(text);
    errors.iter().cloned().collect()
}

/// The only error of `text`.
fn error(text: &str) -> ConfigError {
    let mut errors = errors(text);
    assert_eq!(errors.len(), 1, "{errors:#?}");
    errors.remove(0)
}

fn suggestion(text: &str) -> String {
    error(text).suggestion.unwrap()
}

fn warnings(text: &str) -> Vec<String> {
    let text = format!("session: {{ preset: aspnet }}\n{text}");
    let config = config(&text);
    config
        .warnings
        .into_iter()
        .map(|warning| format!("{}: {}", warning.at, warning.message))
        .collect()
}

fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> http::request::Parts {
    let mut builder = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(()).unwrap().into_parts().0
}

fn terms(config: &Config, method: &str, path: &str) -> Arc<Terms> {
    Arc::clone(
        config
            .policy
            .routes
            .decide(&request(method, path, &[]))
            .terms,
    )
}

fn with_route(route: &str) -> Config {
    config(&format!("routes: [{route}]\n"))
}

/// A folder that is removed at the end of the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("onelane-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}
