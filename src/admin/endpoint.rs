//! What there is to ask for: paths and methods.
//!
//! Guarantees: what is here is in `openapi.json`, and the other way round; a test compares them.

use std::net::IpAddr;

use super::door::Need;
use super::page::{self, Page};

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Endpoint<'p> {
    Clients,
    Drain,
    Events,
    Evidence,
    Explain,
    /// A client, or what is no address.
    Forget(Option<IpAddr>),
    Lanes,
    Live,
    Metrics,
    OpenApi,
    Page(Page),
    Policy,
    Ready,
    /// The id of a lane.
    Release(&'p str),
    Reload,
    Routes,
    State,
}

impl<'p> Endpoint<'p> {
    /// What is at `path`.
    pub(super) fn at(path: &'p str) -> Option<Self> {
        let Some(api) = path.strip_prefix("/api/") else {
            return match path {
                "/evidence" => Some(Self::Evidence),
                "/livez" => Some(Self::Live),
                "/metrics" => Some(Self::Metrics),
                "/readyz" => Some(Self::Ready),
                _ => page::page(path).map(Self::Page),
            };
        };
        if api == "openapi.json" {
            return Some(Self::OpenApi);
        }
        Some(match api.strip_prefix("v1/")? {
            "clients" => Self::Clients,
            "drain" => Self::Drain,
            "events" => Self::Events,
            "explain" => Self::Explain,
            "lanes" => Self::Lanes,
            "policy" => Self::Policy,
            "reload" => Self::Reload,
            "routes" => Self::Routes,
            "state" => Self::State,
            other => Self::of_one(other)?,
        })
    }

    /// What concerns one lane or client.
    fn of_one(path: &'p str) -> Option<Self> {
        let lane = path.strip_prefix("lanes/");
        if let Some(id) = lane.and_then(|rest| rest.strip_suffix("/release")) {
            return (!id.contains('/')).then_some(Self::Release(id));
        }
        let network = path.strip_prefix("clients/")?.strip_suffix("/forget")?;
        Some(Self::Forget(
            network.replace("%3A", ":").replace("%3a", ":").parse().ok(),
        ))
    }

    /// The methods that it takes.
    pub(super) fn methods(&self) -> &'static str {
        match self {
            Self::Drain | Self::Explain | Self::Forget(_) | Self::Release(_) | Self::Reload => {
                "POST"
            }
            _ => "GET, HEAD",
        }
    }

    /// What it needs.
    pub(super) fn need(&self) -> Need {
        match self {
            Self::Live | Self::OpenApi | Self::Page(_) | Self::Ready => Need::Nothing,
            Self::Drain | Self::Forget(_) | Self::Release(_) | Self::Reload => Need::Change,
            _ => Need::Read,
        }
    }
}
