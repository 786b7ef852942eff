//! From a request to its session's key.

/// A session, as a keyed digest of its id; the id itself never leaves this module.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionKey([u8; 16]);

impl std::fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SessionKey({self})")
    }
}

impl std::fmt::Display for SessionKey {
    /// Six hex digits: enough to tell sessions apart in a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:02x}{:02x}{:02x}", self.0[0], self.0[1], self.0[2])
    }
}

/// The rules of the session key, compiled.
#[derive(Debug)]
pub struct Sessions {}

#[cfg(test)]
impl SessionKey {
    /// The key of test session `n`; uniform like a real one.
    pub(crate) fn for_test(n: u64) -> Self {
        let spread = u128::from(n).wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
        Self(spread.to_le_bytes())
    }
}
