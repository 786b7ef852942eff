//! Text to a tree of values with their places; the only module that knows the YAML libraries.
//!
//! Values come from `serde_yaml`, places from the events of `saphyr-parser`, since the former forgets them; a text must be
//! YAML to both. The two trees have the same shape, except that an alias is one place. Guarantees: duplicate keys are kept, so that they can be
//! reported; nesting is bounded ([`DEPTH`]) and so is what aliases expand to ([`EXPANDED`]).
//! Does not do: merge keys (`<<`), tags, several documents.

use std::cell::Cell;
use std::fmt;

use saphyr_parser::{Event, Marker, Parser, Span};
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, MapAccess, SeqAccess, Visitor,
};

use super::problem::ConfigError;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    /// The value.
    pub kind: Kind,
    /// Where it begins.
    pub place: Option<Place>,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// Nothing after the colon, `~` or `null`.
    Null,
    /// What has been reported already.
    Refused,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i128),
    /// Any other number.
    Float(f64),
    /// Text.
    Text(Text),
    /// A list.
    List(Vec<Node>),
    /// A section: keys with values, in the order of the file.
    Map(Vec<Entry>),
}

/// A text, and what it was before the environment was put in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text {
    /// The text that counts.
    pub value: String,
    /// As written, when that differs.
    pub written: Option<String>,
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub place: Option<Place>,
    /// Its value.
    pub node: Node,
}

/// A place in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
}

/// Reads `text`.
///
/// # Errors
/// The first syntax error, with its place; nothing after it can be trusted.
pub(super) fn parse(text: &str) -> Result<Node, Box<ConfigError>> {
    let places = places(text)?;
    let budget = Cell::new(EXPANDED);
    let deserializer = serde_yaml::Deserializer::from_str(text);
    let mut node = NodeSeed { budget: &budget }
        .deserialize(deserializer)
        .map_err(|error| value_error(text, &error))?;
    if let Some(places) = places {
        node.put_in_place(&places);
    }
    Ok(node)
}

impl Node {
    fn new(kind: Kind) -> Self {
        Self { kind, place: None }
    }

    /// Whether there is something to read.
    pub(super) fn has_value(&self) -> bool {
        !matches!(self.kind, Kind::Null | Kind::Refused)
    }

    /// Takes over the places of a tree of the same shape; below an alias, all is where the alias is.
    fn put_in_place(&mut self, places: &Places) {
        self.place = Some(places.place);
        match &mut self.kind {
            Kind::List(nodes) => {
                for (index, node) in nodes.iter_mut().enumerate() {
                    node.put_in_place(places.items.get(index).unwrap_or(&places.as_leaf()));
                }
            }
            Kind::Map(entries) => {
                for (index, entry) in entries.iter_mut().enumerate() {
                    entry.place = Some(places.items.get(2 * index).unwrap_or(places).place);
                    entry
                        .node
                        .put_in_place(places.items.get(2 * index + 1).unwrap_or(&places.as_leaf()));
                }
            }
            Kind::Null
            | Kind::Refused
            | Kind::Bool(_)
            | Kind::Int(_)
            | Kind::Float(_)
            | Kind::Text(_) => {}
        }
    }
}

impl Place {
    fn of(marker: &Marker) -> Self {
        Self {
            line: marker.line(),
            column: marker.col() + 1,
        }
    }
}

impl From<String> for Text {
    fn from(value: String) -> Self {
        Self {
            value,
            written: None,
        }
    }
}

/// Builds nodes as `serde_yaml` walks the document, within a budget.
#[derive(Clone, Copy)]
struct NodeSeed<'a> {
    budget: &'a Cell<usize>,
}

impl NodeSeed<'_> {
    /// Pays for one node with `bytes` of text.
    fn pay<E: serde::de::Error>(self, bytes: usize) -> Result<(), E> {
        let cost = size_of::<Entry>() + bytes;
        let left = self
            .budget
            .get()
            .checked_sub(cost)
            .ok_or_else(|| E::custom(TOO_MUCH))?;
        self.budget.set(left);
        Ok(())
    }

    fn scalar<E: serde::de::Error>(self, kind: Kind) -> Result<Node, E> {
        self.pay(0)?;
        Ok(Node::new(kind))
    }
}

impl<'de> DeserializeSeed<'de> for NodeSeed<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for NodeSeed<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<Node, E> {
        self.scalar(Kind::Null)
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Node, E> {
        self.scalar(Kind::Null)
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Node, E> {
        self.scalar(Kind::Bool(value))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Node, E> {
        self.scalar(Kind::Int(value.into()))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Node, E> {
        self.scalar(Kind::Int(value.into()))
    }

    fn visit_i128<E: serde::de::Error>(self, value: i128) -> Result<Node, E> {
        self.scalar(Kind::Int(value))
    }

    fn visit_u128<E: serde::de::Error>(self, value: u128) -> Result<Node, E> {
        self.scalar(Kind::Int(i128::try_from(value).unwrap_or(i128::MAX)))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Node, E> {
        self.scalar(Kind::Float(value))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Node, E> {
        self.pay(value.len())?;
        Ok(Node::new(Kind::Text(value.to_owned().into())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        self.pay(0)?;
        let mut nodes = Vec::new();
        while let Some(node) = list.next_element_seed(self)? {
            nodes.push(node);
        }
        Ok(Node::new(Kind::List(nodes)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        self.pay(0)?;
        let mut entries = Vec::new();
        while let Some(key) = map.next_key_seed(self)? {
            let key = match key.kind {
                Kind::Text(text) => text.value,
                Kind::Bool(value) => value.to_string(),
                Kind::Int(value) => value.to_string(),
                Kind::Float(value) => value.to_string(),
                Kind::Null | Kind::Refused => "null".to_owned(),
                Kind::List(_) | Kind::Map(_) => return Err(A::Error::custom(KEY_NOT_TEXT)),
            };
            entries.push(Entry {
                key,
                place: None,
                node: map.next_value_seed(self)?,
            });
        }
        Ok(Node::new(Kind::Map(entries)))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, _tagged: A) -> Result<Node, A::Error> {
        Err(A::Error::custom(TAGGED))
    }
}

/// The place of a value, and of what it contains: items of a list, or keys and values of a section in turn.
struct Places {
    place: Place,
    items: Vec<Self>,
}

impl Places {
    fn leaf(span: Span) -> Self {
        Self {
            place: Place::of(&span.start),
            items: Vec::new(),
        }
    }

    fn as_leaf(&self) -> Self {
        Self {
            place: self.place,
            items: Vec::new(),
        }
    }
}

/// The places of all values; None for a text with no value.
///
/// The parser is pulled, and kept off the stack, so that nesting is seen before anything is spent on it: `serde_yaml`
/// takes time in the square of the depth.
fn places(text: &str) -> Result<Option<Places>, Box<ConfigError>> {
    let mut open: Vec<Places> = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, span) = event
            .map_err(|error| syntax_error(text, error.info(), Some(Place::of(error.marker()))))?;
        let complete = match event {
            Event::SequenceStart(..) | Event::MappingStart(..) => {
                let places = Places::leaf(span);
                if open.len() == DEPTH {
                    return Err(syntax_error(text, TOO_DEEP, Some(places.place)));
                }
                open.push(places);
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => open.pop(),
            Event::Scalar(..) | Event::Alias(_) => Some(Places::leaf(span)),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => None,
        };
        match (open.last_mut(), complete) {
            (Some(parent), Some(complete)) => parent.items.push(complete),
            (None, Some(complete)) => return Ok(Some(complete)),
            (_, None) => {}
        }
    }
    Ok(None)
}

/// The error of the library that makes values.
fn value_error(text: &str, error: &serde_yaml::Error) -> Box<ConfigError> {
    let full = error.to_string();
    let message = full.split(" at line ").next().unwrap_or(&full);
    let location = error.location().filter(|location| location.line() > 0);
    let place = location.map(|location| Place {
        line: location.line(),
        column: location.column(),
    });
    syntax_error(text, message, place)
}

/// A person's version of a library's message.
fn syntax_error(text: &str, message: &str, place: Option<Place>) -> Box<ConfigError> {
    let line = place.and_then(|place| text.lines().nth(place.line - 1));
    let indented_by_tab = line.is_some_and(|line| line.trim_start_matches(' ').starts_with('\t'));
    let message = if message.contains("recursion limit") {
        TOO_DEEP
    } else {
        message
    };
    let says = |part: &str| message.contains(part);
    let suggestion = if indented_by_tab {
        "indent with spaces: YAML does not allow tabs"
    } else if says(TOO_MUCH) || says("repetition limit") {
        "write the values out, or use fewer aliases"
    } else if says(TAGGED) {
        "remove the word that begins with !, or put the value in quotes"
    } else if says(TOO_DEEP) {
        "check the brackets: nothing in this file needs more than six levels"
    } else if says(KEY_NOT_TEXT) {
        "put a value that begins with { or [ in quotes"
    } else if says("more than one document") {
        "remove the line that is only ---"
    } else if says("unknown anchor") {
        "put a value that begins with * in quotes, e.g. \"*.css\""
    } else {
        "check the indentation of this line and the one above; put values in quotes that contain ': ' or ' #', or begin with one of * & ! % @ [ {"
    };
    Box::new(ConfigError {
        line: place.map(|place| place.line),
        column: place.map(|place| place.column),
        ..ConfigError::new(String::new(), format!("not valid YAML: {message}")).suggest(suggestion)
    })
}

/// Lists and sections within each other. Aliases do not add to it beyond what `serde_yaml` allows, 128.
const DEPTH: usize = 64;

/// Memory that all nodes may take, bytes. Far more than a file of 1 MiB needs that has no aliases, and little enough
/// for the smallest container.
const EXPANDED: usize = 128 << 20;

const TOO_DEEP: &str = "lists and sections are nested too deeply";
const TOO_MUCH: &str = "the aliases expand to too much";
const TAGGED: &str = "tags (!…) are not used in this file";
const KEY_NOT_TEXT: &str = "a key is a list or a section";

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(text: &str) -> Vec<Entry> {
        match parse(text).unwrap().kind {
            Kind::Map(entries) => entries,
            other => panic!("{other:?}"),
        }
    }

    fn refused(text: &str) -> ConfigError {
        *parse(text).unwrap_err()
    }

    #[test]
    fn values_know_their_places() {
        let entries = entries("a: 1\n\nb:\n  - x\n  -  { c: é, d: [2] }\n");
        assert_eq!(entries[1].place, Some(Place { line: 3, column: 1 }));
        let Kind::List(items) = &entries[1].node.kind else {
            panic!()
        };
        assert_eq!(items[0].place, Some(Place { line: 4, column: 5 }));
        let Kind::Map(inner) = &items[1].kind else {
            panic!()
        };
        assert_eq!(inner[1].key, "d");
        assert_eq!(
            inner[1].place,
            Some(Place {
                line: 5,
                column: 14
            })
        );
    }

    #[test]
    fn duplicate_keys_are_kept() {
        let keys: Vec<_> = entries("a: 1\nb: 2\na: 3\n")
            .into_iter()
            .map(|entry| entry.key)
            .collect();
        assert_eq!(keys, ["a", "b", "a"]);
    }

    #[test]
    fn what_an_alias_brings_is_where_the_alias_is() {
        let entries = entries("a: &x\n  b: [1, 2]\nc: *x\nd: 3\n");
        let Kind::Map(inner) = &entries[1].node.kind else {
            panic!()
        };
        assert_eq!(inner[0].place, Some(Place { line: 3, column: 4 }));
        assert_eq!(entries[2].place, Some(Place { line: 4, column: 1 }));
    }

    #[test]
    fn aliases_that_explode_are_refused_quickly() {
        let mut laughs = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
        for level in 1..12 {
            let below = vec![format!("*a{}", level - 1); 9].join(", ");
            laughs += &format!("a{level}: &a{level} [{below}]\n");
        }
        assert!(refused(&laughs).suggestion.unwrap().contains("aliases"));

        let flat = format!(
            "a: &a {}\nb: [{}]\n",
            "x".repeat(200_000),
            vec!["*a"; 100_000].join(", ")
        );
        let error = refused(&flat);
        assert!(
            error.suggestion.as_ref().unwrap().contains("aliases"),
            "{error}"
        );
    }

    #[test]
    fn depth_is_bounded() {
        for opening in ["[", "{a: ", "- "] {
            let error = refused(&opening.repeat(1 << 18));
            assert!(error.problem.contains("too deeply"), "{error}");
            assert_eq!(error.line, Some(1));
        }
        assert!(parse(&format!("{}1{}", "[".repeat(60), "]".repeat(60))).is_ok());
    }

    #[test]
    fn a_syntax_error_has_its_line_and_advice() {
        let error = refused("a: 1\nb:\n\tc: 2\n");
        assert_eq!(error.line, Some(3));
        assert!(error.suggestion.unwrap().contains("tabs"));
        let error = refused("routes:\n  - path: *.css\n");
        assert_eq!(error.line, Some(2));
        assert!(error.suggestion.unwrap().contains("quotes"));
        let error = refused("a: 1\n---\nb: 2\n");
        assert!(error.suggestion.unwrap().contains("---"));
        assert!(refused("a: !thing 1\n").problem.contains("tags"));
    }
}
