//! Configurations: any text is either a configuration or a list of errors that say where.
//!
//! Guarantees: what is checked is said in the names of the functions.
//! Does not do: judge the values; the product's own tests do.

use onelane::config::{Config, Errors};

/// Reads one configuration. The bytes are its text.
///
/// # Panics
/// When a promise of `onelane::config` is broken.
pub fn yaml(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    // A page or a certificate is read from where the text says; from a terminal that would wait for ever.
    if ["/dev", "/proc", "/sys"]
        .iter()
        .any(|folder| text.contains(folder))
    {
        return;
    }
    match Config::parse(text, &environment) {
        Ok(config) => a_valid_text_means_one_thing(text, &config),
        Err(errors) => errors_have_places(text, &errors),
    }
}

fn a_valid_text_means_one_thing(text: &str, config: &Config) {
    let again = Config::parse(text, &environment).unwrap_or_else(|errors| panic!("{errors}"));
    let (shown, again) = (format!("{config:?}"), format!("{again:?}"));
    assert_eq!(words(&shown), words(&again), "another meaning");
    if is_kept(text) {
        assert!(!shown.contains(SECRET), "a secret is shown");
    }
    for warning in &config.warnings {
        assert!(!warning.message.is_empty(), "{warning:?}");
        assert!(warning.line.is_none_or(|line| is_line(text, line)));
    }
}

fn errors_have_places(text: &str, errors: &Errors) {
    let told = errors.to_string();
    assert!(errors.len() > 0 && !told.is_empty());
    if is_kept(text) {
        assert!(!told.contains(SECRET), "a secret is shown");
    }
    for error in errors {
        assert!(!error.problem.is_empty(), "{error:?}");
        match error.line {
            Some(line) => assert!(is_line(text, line), "{error:?}"),
            // YAML 1.1 ends a line, and a comment, at characters that are ordinary ones in YAML 1.2: one of the two
            // parsers behind this may see a value where the other sees none.
            None => assert!(
                error.at.is_empty() || text.contains(OLD_BREAKS),
                "without a place: {error:?}"
            ),
        }
        assert!(error.column.is_none_or(|column| column > 0), "{error:?}");
    }
}

/// Whether the text has the secret only where one belongs.
fn is_kept(text: &str) -> bool {
    text.matches("ONELANE_").count() == text.matches("secret: \"${ONELANE_").count()
}

/// Whether a text has such a line; its end counts as one more, which is where an unclosed bracket is missed.
fn is_line(text: &str, line: usize) -> bool {
    let breaks = text.matches(['\n', '\r']).count() + text.matches(OLD_BREAKS).count();
    (1..=breaks + 2).contains(&line)
}

/// The words of a description in some order: tables of hashes show theirs in another one each time.
fn words(shown: &str) -> Vec<&str> {
    let mut words: Vec<&str> = shown.split([',', '{', '}', ' ']).collect();
    words.sort_unstable();
    words
}

fn environment(name: &str) -> Option<String> {
    match name {
        "NUMBER" => Some("7".to_owned()),
        "EMPTY" => Some(String::new()),
        "ONELANE_SECRET" | "ONELANE_APP_SECRET" => Some(SECRET.to_owned()),
        "LINES" => Some("a: b\n- c".to_owned()),
        _ => None,
    }
}

/// The line breaks of YAML 1.1 alone.
const OLD_BREAKS: [char; 3] = ['\u{85}', '\u{2028}', '\u{2029}'];
const SECRET: &str = "kept-to-itself-4711";
