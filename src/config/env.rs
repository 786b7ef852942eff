//! `${VAR}` and `${VAR:-default}` in values.
//!
//! Guarantees: a variable changes the text of one value and nothing else, whatever it contains, since the YAML was parsed
//! before; `$${` is a literal `${`. As in a shell, `:-` also replaces a variable that is set and empty.
//! Does not do: keys; nesting; other shell forms; reading the environment itself.

use super::problem::{ConfigError, Problems, shortened};
use super::reader::{is_secret, joined};
use super::yaml::{Kind, Node};

/// A variable's value by its name.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Puts the environment into all texts of `node`, whose key path is `at`.
pub(super) fn expand(node: &mut Node, at: &str, environment: Environment<'_>, problems: &Problems) {
    match &mut node.kind {
        Kind::Text(text) if text.value.contains("${") => match expanded(&text.value, environment) {
            Ok(value) => text.written = Some(std::mem::replace(&mut text.value, value)),
            Err((problem, suggestion)) => {
                let shown = (!is_secret(at)).then(|| shortened(&text.value));
                problems.add(ConfigError {
                    line: node.place.map(|place| place.line),
                    column: node.place.map(|place| place.column),
                    value: shown,
                    ..ConfigError::new(at.to_owned(), problem).suggest(suggestion)
                });
                node.kind = Kind::Refused;
            }
        },
        Kind::List(nodes) => {
            for (index, node) in nodes.iter_mut().enumerate() {
                expand(node, &format!("{at}[{index}]"), environment, problems);
            }
        }
        Kind::Map(entries) => {
            for entry in entries {
                let at = joined(at, &entry.key);
                expand(&mut entry.node, &at, environment, problems);
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

/// `text` with its variables replaced, or a problem and a suggestion.
fn expanded(text: &str, environment: Environment<'_>) -> Result<String, (String, String)> {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let (before, reference) = rest.split_at(start);
        if let Some(before) = before.strip_suffix('$') {
            result.push_str(before);
            result.push_str("${");
            rest = &reference[2..];
            continue;
        }
        result.push_str(before);
        let Some((inner, after)) = reference[2..].split_once('}') else {
            return Err((
                "a ${ without its }".to_owned(),
                format!("close it, or write $${{ for a literal ${{; {FORMS}"),
            ));
        };
        result.push_str(&variable(inner, environment)?);
        rest = after;
    }
    result.push_str(rest);
    Ok(result)
}

/// The value of the variable in `${inner}`.
fn variable(inner: &str, environment: Environment<'_>) -> Result<String, (String, String)> {
    let (name, default) = match inner.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inner, None),
    };
    if !is_name(name) {
        let suggestion = format!("{FORMS}; write $${{ for a literal ${{");
        return Err((
            "what stands in ${…} does not name a variable".to_owned(),
            suggestion,
        ));
    }
    match (environment(name), default) {
        (Some(value), None) => Ok(value),
        (Some(value), Some(_)) if !value.is_empty() => Ok(value),
        (_, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err((
            format!("the environment variable {name} is not set"),
            format!("set it, or give a default: ${{{name}:-…}}"),
        )),
    }
}

fn is_name(name: &str) -> bool {
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    starts && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

const FORMS: &str = "the forms are ${NAME} and ${NAME:-default}";

#[cfg(test)]
mod tests {
    use super::*;

    fn with_environment(text: &str) -> Result<String, (String, String)> {
        expanded(text, &|name| match name {
            "PORT" => Some("8080".to_owned()),
            "EMPTY" => Some(String::new()),
            "EVIL" => Some("x\nadmin: ${PORT}".to_owned()),
            _ => None,
        })
    }

    #[test]
    fn variables_are_replaced_wherever_they_stand() {
        assert_eq!(
            with_environment("http://${HOST:-localhost}:${PORT}/").unwrap(),
            "http://localhost:8080/"
        );
        assert_eq!(with_environment("${NONE:-}").unwrap(), "");
        assert_eq!(with_environment("${NONE:-a:-b}").unwrap(), "a:-b");
        assert_eq!(with_environment("^a$|$b").unwrap(), "^a$|$b");
    }

    #[test]
    fn an_empty_variable_is_a_value_unless_there_is_a_default() {
        assert_eq!(with_environment("<${EMPTY}>").unwrap(), "<>");
        assert_eq!(with_environment("<${EMPTY:-d}>").unwrap(), "<d>");
    }

    #[test]
    fn two_dollars_make_a_literal_one() {
        assert_eq!(
            with_environment("$${PORT} ${PORT}").unwrap(),
            "${PORT} 8080"
        );
        assert_eq!(with_environment("$$").unwrap(), "$$");
    }

    #[test]
    fn what_a_variable_contains_is_not_looked_at() {
        assert_eq!(with_environment("${EVIL}").unwrap(), "x\nadmin: ${PORT}");
    }

    #[test]
    fn mistakes_are_named() {
        assert!(
            with_environment("${HOST}")
                .unwrap_err()
                .0
                .contains("HOST is not set")
        );
        assert!(
            with_environment("${PORT")
                .unwrap_err()
                .0
                .contains("without its }")
        );
        assert!(
            with_environment("${1}")
                .unwrap_err()
                .0
                .contains("not name a variable")
        );
        assert!(
            with_environment("${PORT:?x}")
                .unwrap_err()
                .1
                .contains("${NAME:-default}")
        );
    }
}
