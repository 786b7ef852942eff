//! The key of those that have no session yet: one for each client and kind of browser.
//!
//! Guarantees: a key of its own kind, keyed apart, so that no session's id gives the same; within one scope.
//! Does not do: say who the client is; its caller knows whom to believe.

use std::net::IpAddr;

use http::header::USER_AGENT;
use http::request::Parts;

use super::{SessionKey, Sessions};

impl Sessions {
    /// The key that requests without a session share when they come from the same `client` with the same user agent, on
    /// the same host and application where the scope tells those apart.
    #[must_use]
    pub fn of_client(&self, client: IpAddr, request: &Parts) -> SessionKey {
        let mut hasher = blake3::Hasher::new_keyed(&self.clients.0);
        // The addresses of both families have lengths of their own, and none begins like the other.
        match client {
            IpAddr::V4(address) => hasher.update(b"4").update(&address.octets()),
            IpAddr::V6(address) => hasher.update(b"6").update(&address.octets()),
        };
        let agent = request.headers.get(USER_AGENT);
        let agent = agent.map_or(&[][..], |agent| agent.as_bytes());
        hasher
            .update(&(agent.len() as u64).to_le_bytes())
            .update(agent);
        let add = &mut |part: &[u8]| {
            hasher.update(part);
        };
        self.scope.add_to(add, request);
        let mut key = [0; 16];
        hasher.finalize_xof().fill(&mut key);
        SessionKey(key)
    }
}
