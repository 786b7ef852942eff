//! Reading a text file whose size is bounded.
//!
//! Guarantees: no more than the largest size is read, whatever the file is.
//! Does not do: YAML.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::defaults::LARGEST_FILE;

/// The text of the file at `path`, without a byte order mark.
///
/// # Errors
/// What is wrong with the file, for a person.
pub(super) fn read(path: &Path) -> Result<String, Unreadable> {
    if path.is_dir() {
        return Err(Unreadable::Folder);
    }
    let mut bytes = Vec::new();
    // One byte more than allowed tells a file that is too large, also when it grows or has no length (a pipe).
    File::open(path)?
        .take(LARGEST_FILE + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(Unreadable::TooLarge);
    }
    if bytes.contains(&0) {
        return Err(Unreadable::Binary);
    }
    let text = String::from_utf8(bytes).map_err(|error| Unreadable::NotUtf8 {
        at: error.utf8_error().valid_up_to(),
    })?;
    Ok(text
        .strip_prefix('\u{feff}')
        .map_or_else(|| text.clone(), str::to_owned))
}

/// Why a file was not read.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    /// It has bytes that no text has.
    #[error("a binary file, or text in UTF-16; UTF-8 is expected")]
    Binary,
    /// It is a folder.
    #[error("a folder, not a file")]
    Folder,
    /// The system refused.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It has bytes that are not UTF-8.
    #[error("not UTF-8 (from byte {at} on)")]
    NotUtf8 {
        /// Bytes before the first that is not.
        at: usize,
    },
    /// It is larger than [`LARGEST_FILE`].
    #[error("larger than 1 MiB")]
    TooLarge,
}
