//! Values with their key paths, and sections whose keys are known.
//!
//! Guarantees: a section that is opened has reported its unknown keys, its duplicates, the keys of later versions and
//! those without a value; whatever is read from it is one of the keys it declares.
//! Does not do: know any key; that is each section's own.

use std::collections::HashMap;

use super::problem::{ConfigError, Problems, shortened};
use super::yaml::{Entry, Kind, Node, Place};
use super::{Warning, advice};

/// A value, with its key path and where to report what is wrong with it.
#[derive(Clone, Debug)]
pub(super) struct Value<'a> {
    at: String,
    node: &'a Node,
    problems: &'a Problems,
}

/// A section: keys with values.
#[derive(Clone, Debug)]
pub(super) struct Section<'a> {
    value: Value<'a>,
    entries: &'a [Entry],
    keys: &'static Keys,
}

/// The keys a section may have.
#[derive(Debug)]
pub(super) struct Keys {
    /// Those of this version; none means that any key is known.
    pub known: &'static [&'static str],
    /// Those that are known and refused: of a later version, or of another place.
    pub refused: &'static [Refused],
}

/// A key that is refused with its own words.
#[derive(Debug)]
pub(super) struct Refused {
    key: &'static str,
    problem: &'static str,
    instead: &'static str,
}

impl Refused {
    /// A key of this place that is refused because of `problem`; `instead` is what to do.
    pub(super) const fn because(
        key: &'static str,
        problem: &'static str,
        instead: &'static str,
    ) -> Self {
        Self {
            key,
            problem,
            instead,
        }
    }

    /// A key of a later version; `instead` is what to do without it.
    pub(super) const fn later(key: &'static str, instead: &'static str) -> Self {
        Self::because(key, NOT_IN_THIS_VERSION, instead)
    }
}

impl<'a> Value<'a> {
    /// The whole document.
    pub(super) fn document(node: &'a Node, problems: &'a Problems) -> Self {
        Self {
            at: String::new(),
            node,
            problems,
        }
    }

    /// The line, from 1.
    pub(super) fn line(&self) -> Option<usize> {
        self.node.place.map(|place| place.line)
    }

    /// What the value is.
    pub(super) fn kind(&self) -> &'a Kind {
        &self.node.kind
    }

    /// Whether the value is a section, rather than a short form.
    pub(super) fn is_section(&self) -> bool {
        matches!(self.node.kind, Kind::Map(_))
    }

    /// Reports that this value is wrong. Gives None, for the end of a reading function.
    pub(super) fn refuse<T>(
        &self,
        problem: impl Into<String>,
        suggestion: impl Into<String>,
    ) -> Option<T> {
        self.report(
            self.shown(),
            problem.into(),
            suggestion.into(),
            self.node.place,
        );
        None
    }

    /// Warns about this value; the configuration stays valid.
    pub(super) fn warn(&self, message: impl Into<String>) {
        self.problems.warn(Warning {
            at: self.at.clone(),
            line: self.line(),
            message: message.into(),
        });
    }

    /// The items of a list, or the value itself when it is none: the short form of a list of one.
    pub(super) fn one_or_more(&self) -> Vec<Self> {
        match &self.node.kind {
            Kind::List(_) => self.items(),
            _ => vec![self.clone()],
        }
    }

    /// The items of a list; anything else is reported and has none.
    pub(super) fn items(&self) -> Vec<Self> {
        let Kind::List(nodes) = &self.node.kind else {
            self.refuse::<()>(
                format!("expected a list, found {}", self.what()),
                "begin each item with a hyphen, or write [a, b]",
            );
            return Vec::new();
        };
        let item = |(index, node)| Self {
            at: format!("{}[{index}]", self.at),
            node,
            problems: self.problems,
        };
        nodes.iter().enumerate().map(item).collect()
    }

    /// The value of a key of a section that was opened elsewhere; nothing is reported.
    pub(super) fn key(&self, key: &str) -> Option<Self> {
        let Kind::Map(entries) = &self.node.kind else {
            return None;
        };
        let entry = entries
            .iter()
            .find(|entry| entry.key == key && entry.node.has_value())?;
        Some(Self {
            at: joined(&self.at, &entry.key),
            node: &entry.node,
            problems: self.problems,
        })
    }

    /// The keys of a section whose keys are the operator's own (names of headers, reasons), with their values; anything
    /// else, and a key that is there twice or has no value, is reported.
    pub(super) fn named_values(&self) -> Vec<(&'a str, Self)> {
        let Kind::Map(entries) = &self.node.kind else {
            self.refuse::<()>(
                format!("expected a section, found {}", self.what()),
                "write {name: value}",
            );
            return Vec::new();
        };
        let section = Section {
            value: self.clone(),
            entries,
            keys: &ANY,
        };
        section.check_keys();
        entries
            .iter()
            .filter(|entry| entry.node.has_value())
            .map(|entry| (entry.key.as_str(), section.value_of(entry)))
            .collect()
    }

    /// The value as a section with these keys; anything else is reported.
    pub(super) fn section(&self, keys: &'static Keys) -> Option<Section<'a>> {
        let Kind::Map(entries) = &self.node.kind else {
            let suggestion = format!("the keys here are {}", keys.known.join(", "));
            return self.refuse(
                format!("expected a section, found {}", self.what()),
                suggestion,
            );
        };
        let section = Section {
            value: self.clone(),
            entries,
            keys,
        };
        section.check_keys();
        Some(section)
    }

    /// What the value is, in words, for `expected …, found …`.
    pub(super) fn what(&self) -> &'static str {
        match self.node.kind {
            Kind::Null | Kind::Refused => "nothing",
            Kind::Bool(_) => "true or false",
            Kind::Int(_) | Kind::Float(_) => "a number",
            Kind::Text(_) => "text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a section",
        }
    }

    /// The value as the operator may see it; None for what cannot be shown on a line, and for secrets.
    fn shown(&self) -> Option<String> {
        if is_secret(&self.at) {
            return None;
        }
        match &self.node.kind {
            Kind::Text(text) => Some(match &text.written {
                Some(written) => format!("{} = \"{}\"", shortened(written), shortened(&text.value)),
                None if text.value.is_empty() => "\"\"".to_owned(),
                None => shortened(&text.value),
            }),
            Kind::Bool(value) => Some(value.to_string()),
            Kind::Int(value) => Some(value.to_string()),
            Kind::Float(value) => Some(value.to_string()),
            Kind::Null | Kind::Refused | Kind::List(_) | Kind::Map(_) => None,
        }
    }

    fn report(
        &self,
        value: Option<String>,
        problem: String,
        suggestion: String,
        place: Option<Place>,
    ) {
        self.problems.add(ConfigError {
            line: place.map(|place| place.line),
            column: place.map(|place| place.column),
            value,
            ..ConfigError::new(self.at.clone(), problem).suggest(suggestion)
        });
    }
}

impl<'a> Section<'a> {
    /// The section as a value, to refuse it as a whole.
    pub(super) fn value(&self) -> &Value<'a> {
        &self.value
    }

    /// The value of a key, when it is there and has one.
    pub(super) fn get(&self, key: &str) -> Option<Value<'a>> {
        debug_assert!(
            self.keys.known.contains(&key),
            "{key} is read but not declared"
        );
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        entry.node.has_value().then(|| self.value_of(entry))
    }

    /// The value of a key, read by `read`; None when it is absent or was reported.
    pub(super) fn read<T>(
        &self,
        key: &str,
        read: impl FnOnce(&Value<'a>) -> Option<T>,
    ) -> Option<T> {
        self.get(key).and_then(|value| read(&value))
    }

    /// Those of `keys` that have a value, be it one that was reported.
    pub(super) fn present(&self, keys: &[&'static str]) -> Vec<&'static str> {
        let written = |key: &&str| {
            self.entries
                .iter()
                .any(|entry| entry.key == *key && entry.node.kind != Kind::Null)
        };
        keys.iter().copied().filter(written).collect()
    }

    fn value_of(&self, entry: &'a Entry) -> Value<'a> {
        Value {
            at: joined(&self.value.at, &entry.key),
            node: &entry.node,
            problems: self.value.problems,
        }
    }

    fn check_keys(&self) {
        let mut first: HashMap<&str, Option<Place>> = HashMap::with_capacity(self.entries.len());
        for entry in self.entries {
            if let Some((problem, suggestion)) = self.key_problem(entry, &first) {
                self.value_of(entry)
                    .report(None, problem, suggestion, entry.place);
            }
            first.entry(&entry.key).or_insert(entry.place);
        }
    }

    /// What is wrong with a key, and what to do; `first` has those before it.
    fn key_problem(
        &self,
        entry: &Entry,
        first: &HashMap<&str, Option<Place>>,
    ) -> Option<(String, String)> {
        if let Some(earlier) = first.get(entry.key.as_str()) {
            let line = earlier.map_or_else(String::new, |place| {
                format!(", first on line {}", place.line)
            });
            return Some((
                format!("this key is there twice{line}"),
                "remove one of them".to_owned(),
            ));
        }
        if let Some(refused) = self
            .keys
            .refused
            .iter()
            .find(|refused| refused.key == entry.key)
        {
            return Some((refused.problem.to_owned(), refused.instead.to_owned()));
        }
        if !self.keys.known.is_empty() && !self.keys.known.contains(&entry.key.as_str()) {
            return Some((
                "there is no such key".to_owned(),
                advice::on(&entry.key, &self.value.at, self.keys.known),
            ));
        }
        if entry.node.kind == Kind::Null {
            let suggestion = "write one, or remove the key to have its default";
            return Some(("this key has no value".to_owned(), suggestion.to_owned()));
        }
        None
    }
}

/// Whether the value at this path may not be shown.
pub(super) fn is_secret(at: &str) -> bool {
    at.ends_with("secret") || at.ends_with("token") || at.starts_with("tracing.headers")
}

/// The path of `key` under `at`.
pub(super) fn joined(at: &str, key: &str) -> String {
    let key = shortened(key);
    if at.is_empty() {
        key
    } else {
        format!("{at}.{key}")
    }
}

/// Said of a key or value that DESIGN has and this version has not.
pub(super) const NOT_IN_THIS_VERSION: &str = "not in this version of Onelane";

/// Any key.
const ANY: Keys = Keys {
    known: &[],
    refused: &[],
};
