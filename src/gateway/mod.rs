//! One request from arrival to answer.

mod policy;
pub mod record;
pub mod refusal;

pub use policy::{Buffers, Policy, RefusalPage, ServerTiming};
