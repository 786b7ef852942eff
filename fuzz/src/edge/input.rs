//! From the bytes of an input to the bytes of a client.
//!
//! Guarantees: an input that begins like HTTP is the client's bytes as they are, so that a corpus can be read.
//! Does not do: judge them.

use arbitrary::Unstructured;

use super::grammar;

/// What a client sends.
#[derive(Debug)]
pub(super) struct Input {
    /// All of it.
    pub(super) bytes: Vec<u8>,
    /// Where it pauses, ascending.
    pub(super) cuts: Vec<usize>,
}

/// Reads an input. A first byte below the space, other than CR and LF, says how: bit 0 asks for the grammar, bits 1 to 3
/// for so many cuts, two bytes each; the rest follows.
pub(super) fn read(bytes: &[u8]) -> Input {
    let Some((mode, rest)) = bytes.split_first().filter(|(mode, _)| is_mode(**mode)) else {
        return Input {
            bytes: bytes.to_vec(),
            cuts: Vec::new(),
        };
    };
    let count = usize::from(mode >> 1 & 7) * 2;
    let (places, rest) = rest.split_at(count.min(rest.len()));
    let bytes = match mode & 1 {
        0 => rest.to_vec(),
        _ => grammar::conversation(&mut Unstructured::new(rest)).unwrap_or_default(),
    };
    let place =
        |pair: &[u8]| usize::from(u16::from_le_bytes([pair[0], pair[1]])) % (bytes.len() + 1);
    let mut cuts: Vec<usize> = places.chunks_exact(2).map(place).collect();
    cuts.sort_unstable();
    Input { bytes, cuts }
}

fn is_mode(byte: u8) -> bool {
    byte < b' ' && !matches!(byte, b'\r' | b'\n')
}
