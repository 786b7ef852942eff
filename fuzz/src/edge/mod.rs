//! The whole edge: a client's bytes go into a running Onelane, and what an application gets is held against what those
//! bytes say.
//!
//! Guarantees: a request that reaches the application is one that the client's own framing says, whole, in its order and
//! with its body; nothing that is certainly invalid, and nothing behind it, does; an ordinary request is served.
//! Does not do: HTTP/2, TLS and timing.

mod application;
mod check;
mod client;
mod grammar;
mod input;
mod proxy;
mod reference;
mod wire;

use std::sync::{Mutex, PoisonError};

/// Sends one client's bytes over one connection. `input` says how the bytes of an input become the client's.
///
/// # Panics
/// When Onelane breaks a promise of HTTP/1.1.
pub fn edge(bytes: &[u8]) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let input = input::read(bytes);
    if input.bytes.starts_with(b"PRI * HTTP/2") {
        return;
    }
    let reference = reference::read(&input.bytes);
    let proxy = &*proxy::RUNNING;
    let address = proxy.next_client();
    let responses = client::converse(proxy, address, &input, &reference);
    if check::may_go_on(&reference, &responses) {
        proxy.until_quiet(address);
    }
    let seen = proxy.application.take(address);
    check::all(&reference, &responses, &seen, address);
    proxy.assert_no_panic();
}
