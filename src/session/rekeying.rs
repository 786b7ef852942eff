//! Rules that replace others while sessions have lanes: a session must not get another key.
//!
//! With another key a request would take another lane, beside the requests that are in the application under the old
//! one: two writers of one session. Guarantees: rules that took over from others give each id the key that it had.
//! Does not do: say so to the operator.

use super::{SecretOrigin, Sessions};

/// What about new rules gives sessions other keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rekeyed {
    /// What belongs to a key beside the id.
    Scope,
    /// What the digest is keyed with.
    Secret,
    /// Where ids are looked for, and what makes one.
    Sources,
}

impl Sessions {
    /// Takes over the secret of the rules that these are to replace, if both were to draw one. Where either has no
    /// sources no session has two keys, since under one of them it has none.
    ///
    /// # Errors
    /// All that would give a session another key; nothing was taken over then.
    pub fn inherit(&mut self, old: &Self) -> Result<(), Vec<Rekeyed>> {
        let both_drawn = self.origin == SecretOrigin::Drawn && old.origin == SecretOrigin::Drawn;
        let differs = [
            (self.lanes != old.lanes, Rekeyed::Sources),
            (self.scope != old.scope, Rekeyed::Scope),
            (!both_drawn && self.secret != old.secret, Rekeyed::Secret),
        ];
        let differs = differs.into_iter().filter(|(differs, _)| *differs);
        let differs: Vec<_> = differs.map(|(_, what)| what).collect();
        if !differs.is_empty() && !self.lanes.is_empty() && !old.lanes.is_empty() {
            return Err(differs);
        }
        if both_drawn {
            self.secret = old.secret.clone();
            self.clients = old.clients.clone();
            self.seals = old.seals.clone();
        }
        Ok(())
    }
}
