//! The application: requests to it, responses from it, its connections.

mod settings;

pub use settings::{Settings, Target};
