//! The share of all places to wait that one client may hold, where no rule says it.
//!
//! Guarantees: one client network holds at most its share; a place is given back exactly once.
//! Does not do: rules; a rule that bounds the waiting requests of a client stands in for the share.

use std::sync::Arc;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use crate::client::ClientNetwork;

/// Counts the waiting requests of each client network. An entry exists only while one waits, so the table is bounded
/// by the cap on all waiters.
#[derive(Debug, Default)]
pub struct Waiters {
    waiting: DashMap<ClientNetwork, usize>,
}

impl Waiters {
    /// Takes one place for `client`, of at most `share`.
    ///
    /// # Errors
    /// [`TooManyWaiting`] when the client already holds `share` places.
    pub fn admit(
        self: &Arc<Self>,
        client: ClientNetwork,
        share: usize,
    ) -> Result<WaitingPlace, TooManyWaiting> {
        let mut count = self.waiting.entry(client).or_insert(0);
        if *count >= share {
            let unused = *count == 0;
            drop(count);
            if unused {
                self.waiting.remove_if(&client, |_, count| *count == 0);
            }
            return Err(TooManyWaiting(()));
        }
        *count += 1;
        drop(count);
        Ok(WaitingPlace {
            waiters: Arc::clone(self),
            client,
        })
    }

    /// Number of client networks that have a waiting request.
    pub fn clients(&self) -> usize {
        self.waiting.len()
    }
}

/// One client waits in too many lanes at once; the cause of the refusal `too_many_waiting`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this client has too many waiting requests")]
pub struct TooManyWaiting(());

/// One counted place; dropping it gives it back.
#[derive(Debug)]
#[must_use = "dropping the place gives it back"]
pub struct WaitingPlace {
    waiters: Arc<Waiters>,
    client: ClientNetwork,
}

impl Drop for WaitingPlace {
    fn drop(&mut self) {
        if let Entry::Occupied(mut entry) = self.waiters.waiting.entry(self.client) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{Ipv6Prefix, PeerAddr};

    fn network(address: &str) -> ClientNetwork {
        let prefix = Ipv6Prefix::new(64).unwrap();
        PeerAddr::new(address.parse().unwrap())
            .client()
            .network(prefix)
    }

    #[test]
    fn a_client_gets_its_share_and_others_keep_theirs() {
        let waiters = Arc::new(Waiters::default());
        let greedy = network("192.0.2.1:1");
        let places: Vec<_> = (0..2).map(|_| waiters.admit(greedy, 2).unwrap()).collect();
        assert!(waiters.admit(greedy, 2).is_err());
        let other = waiters.admit(network("192.0.2.2:1"), 2);
        assert!(other.is_ok());
        drop(places);
        assert!(waiters.admit(greedy, 2).is_ok());
    }

    #[test]
    fn nothing_is_kept_of_a_client_that_no_longer_waits() {
        let waiters = Arc::new(Waiters::default());
        let place = waiters.admit(network("192.0.2.1:1"), 1);
        assert_eq!(waiters.clients(), 1);
        drop(place);
        assert!(waiters.admit(network("192.0.2.9:1"), 0).is_err());
        assert_eq!(waiters.clients(), 0);
    }
}
