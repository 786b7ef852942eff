//! End to end: real sockets, a scripted application, order observed through events.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod cli; // what an operator types, sees and gets as exit code
