//! Onelane: a reverse-proxy sidecar that gives each session of a legacy web application one lane.
//!
//! The modules, in reading order; a module imports only from those below it (ARCHITECTURE.md has the table):
//!
//! - [`cli`] what an operator types · [`app`] puts the parts together, signals, drain, exit code
//! - [`server`] the edge towards clients · [`admin`] the edge towards operators
//! - [`reload`] parse and publish, or keep the old
//! - [`config`] YAML to valid values
//! - [`gateway`] one request from arrival to answer: the product on one screen
//! - the stages: [`client`], [`throttle`], [`route`], [`session`], [`lane`], [`upstream`], [`evidence`]
//! - [`metrics`], [`memory`], [`pace`], [`shutdown`], [`socket`], [`watch`], [`tls`]

pub mod admin;
pub mod app;
pub mod cli;
pub mod client;
pub mod config;
pub mod evidence;
pub mod gateway;
pub mod lane;
pub mod memory;
pub mod metrics;
pub mod pace;
pub mod reload;
pub mod route;
pub mod server;
pub mod session;
pub mod shutdown;
pub mod socket;
pub mod throttle;
pub mod tls;
pub mod traces;
pub mod upstream;
pub mod watch;
