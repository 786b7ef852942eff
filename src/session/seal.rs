//! Numbers that are given away for a session and known again when they come back.
//!
//! Guarantees: what was not sealed here for the same session is not known, and comparing takes the same time whatever
//! was guessed; a seal says nothing of the session's id. Does not do: say for how long a number counts.

use super::{SessionKey, Sessions};

impl Sessions {
    /// `number` with a keyed digest of it and of the session: 80 hex digits, fit for headers and URLs.
    #[must_use]
    pub fn seal(&self, key: SessionKey, number: u64) -> String {
        format!("{number:016x}{}", self.mark(key, number).to_hex())
    }

    /// The number in a seal that was made for the session of `key`; None when `seal` is anything else.
    #[must_use]
    pub fn sealed(&self, key: SessionKey, seal: &[u8]) -> Option<u64> {
        let (number, mark) = seal.split_at_checked(NUMBER)?;
        if !number.iter().all(u8::is_ascii_hexdigit) {
            return None; // a sign would be read over
        }
        let number = u64::from_str_radix(str::from_utf8(number).ok()?, 16).ok()?;
        let mark = blake3::Hash::from_hex(mark).ok()?;
        (mark == self.mark(key, number)).then_some(number) // blake3 compares in constant time
    }

    fn mark(&self, key: SessionKey, number: u64) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.seals.0);
        hasher.update(&number.to_le_bytes()).update(&key.0);
        hasher.finalize()
    }
}

/// Hex digits of a number.
const NUMBER: usize = 16;
