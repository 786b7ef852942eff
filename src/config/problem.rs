//! What is wrong with a configuration, said to the person who wrote it.
//!
//! Guarantees: all errors of a file are reported together, in the order of the file, each with its key path, its place,
//! and what to do; the value of a key that holds a secret is never shown.
//! Does not do: find the errors; each section does.

use std::cell::RefCell;
use std::fmt;

use super::Warning;

/// One error of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Key path, such as `routes[3].queue.limit`; empty for the whole file.
    pub at: String,
    /// Line in the file, from 1.
    pub line: Option<usize>,
    /// Column in the line, in characters, from 1.
    pub column: Option<usize>,
    /// The value as written, shortened; None when there is none to show or it may be a secret.
    pub value: Option<String>,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub suggestion: Option<String>,
}

/// All errors of a configuration; at least one.
///
/// Its `Display` is for a person at a terminal; each error begins with `file:line:column`, which editors make a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errors {
    name: String,
    list: Vec<ConfigError>,
}

/// The errors and warnings found so far; sections add to it and go on.
#[derive(Debug, Default)]
pub(super) struct Problems {
    list: RefCell<Vec<ConfigError>>,
    warnings: RefCell<Vec<Warning>>,
}

impl Errors {
    /// The errors of the configuration called `name` (its path, as the operator gave it).
    pub(super) fn new(name: &str, mut list: Vec<ConfigError>) -> Self {
        list.sort_by_key(|error| (error.line.unwrap_or(usize::MAX), error.column));
        Self {
            name: name.to_owned(),
            list,
        }
    }

    /// An error about the file as a whole.
    pub(super) fn of_file(
        name: &str,
        problem: impl Into<String>,
        suggestion: impl Into<String>,
    ) -> Self {
        Self::new(
            name,
            vec![ConfigError::new(String::new(), problem).suggest(suggestion)],
        )
    }

    /// The errors, in the order of the file.
    pub fn iter(&self) -> std::slice::Iter<'_, ConfigError> {
        self.list.iter()
    }

    /// The number of errors, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(&self) -> usize {
        self.list.len()
    }
}

impl std::error::Error for Errors {}

impl<'a> IntoIterator for &'a Errors {
    type Item = &'a ConfigError;
    type IntoIter = std::slice::Iter<'a, ConfigError>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for error in self.iter().take(PRINTED) {
            let place = Place {
                name: &self.name,
                line: error.line,
                column: error.column,
            };
            writeln!(f, "{place}{error}\n")?;
        }
        match self.len() {
            1 => write!(f, "{} has 1 error.", self.name),
            many if many > PRINTED => write!(
                f,
                "{} has {many} errors; the first {PRINTED} are shown.",
                self.name
            ),
            many => write!(f, "{} has {many} errors.", self.name),
        }
    }
}

impl fmt::Display for ConfigError {
    /// The key path with its value, then the problem and the suggestion, indented, on a line each.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = if self.at.is_empty() { "" } else { " " };
        write!(f, "{separator}{}", self.at)?;
        if let Some(value) = &self.value {
            write!(f, ": {value}")?;
        }
        write!(f, "\n    {}", self.problem)?;
        if let Some(suggestion) = &self.suggestion {
            write!(f, "\n    -> {}", suggestion.replace('\n', "\n       "))?;
        }
        Ok(())
    }
}

impl fmt::Display for Warning {
    /// On one line: the line in the file, the key path, and what is doubtful, as far as known.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if !self.at.is_empty() {
            write!(f, "{}: ", self.at)?;
        }
        f.write_str(&self.message)
    }
}

impl ConfigError {
    /// An error without a place.
    pub(super) fn new(at: String, problem: impl Into<String>) -> Self {
        Self {
            at,
            line: None,
            column: None,
            value: None,
            problem: problem.into(),
            suggestion: None,
        }
    }

    /// The same error with what to do about it.
    pub(super) fn suggest(mut self, suggestion: impl Into<String>) -> Self {
        self.suggestion = Some(suggestion.into());
        self
    }
}

impl Problems {
    /// Adds an error.
    pub(super) fn add(&self, error: ConfigError) {
        self.list.borrow_mut().push(error);
    }

    /// Adds a warning.
    pub(super) fn warn(&self, warning: Warning) {
        self.warnings.borrow_mut().push(warning);
    }

    /// The warnings, in the order of the file, if there was no error.
    ///
    /// # Errors
    /// The errors.
    pub(super) fn into_warnings(self) -> Result<Vec<Warning>, Vec<ConfigError>> {
        let errors = self.list.into_inner();
        if !errors.is_empty() {
            return Err(errors);
        }
        let mut warnings = self.warnings.into_inner();
        warnings.sort_by_key(|warning| warning.line.unwrap_or(usize::MAX));
        Ok(warnings)
    }
}

/// `file:line:column:`, as far as known.
struct Place<'a> {
    name: &'a str,
    line: Option<usize>,
    column: Option<usize>,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.name)?;
        for number in [self.line, self.column].into_iter().flatten() {
            write!(f, "{number}:")?;
        }
        Ok(())
    }
}

/// `text` in at most [`SHOWN`] characters and on one line.
pub(super) fn shortened(text: &str) -> String {
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(SHOWN)
        .collect();
    if text.chars().count() > SHOWN {
        format!("{line}…")
    } else {
        line
    }
}

/// The word of `known` that `word` was probably meant to be.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = normal(word);
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&wanted, &normal(candidate)), candidate))
        .filter(|(similarity, _)| *similarity >= SIMILAR)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// `word` without what people vary: case, hyphens, camel case.
fn normal(word: &str) -> String {
    word.chars()
        .filter(|c| !matches!(c, '-' | '_' | ' '))
        .flat_map(char::to_lowercase)
        .collect()
}

/// More than a person reads in one go; a file of another kind may have one on each line.
const PRINTED: usize = 50;

/// Enough of a value to find it again.
const SHOWN: usize = 60;

/// Below this, two words have little in common but their first letters.
const SIMILAR: f64 = 0.82;
