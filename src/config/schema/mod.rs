//! The configuration as a JSON Schema, for editors: which keys there are, what they may be, their defaults, what they do.
//!
//! Guarantees: each section has exactly the keys of its reader's [`Keys`], the choices are the reader's own tables,
//! descriptions and defaults are those of `config/onelane.yaml`; tests hold values against both the schema and the reader.
//! Does not do: what only a look at several keys can tell (`onelane check` does); read anything.
//!
//! Draft 07, which the language servers of editors know best.

use serde_json::{Map, Value as Json, json};

use super::reader::Keys;
use super::{TOP, defaults, keys, routes, session, terms, throttle, upstream};
use crate::session::Preset;
use handbook::Handbook;
use shape::{
    any_text, by_name, choice, duration, either, list, named, off, one_or_more, text, text_like,
    timeout, truth, whole, words,
};

mod edges;
mod handbook;
mod shape;

/// The schema of a configuration file.
pub fn schema() -> Json {
    let sections = Sections {
        handbook: Handbook::new(),
    };
    let mut schema = sections.top();
    schema["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    schema["title"] = json!("Configuration of Onelane");
    schema["description"] = json!("Check a file with onelane check FILE.");
    schema["definitions"] = shape::definitions();
    schema
}

/// The schema as a file: indented, with a line end.
pub fn schema_text() -> String {
    format!("{:#}\n", schema())
}

/// The sections, each drawn by the method of its name.
struct Sections {
    handbook: Handbook,
}

/// Keys and what they may be.
type Properties = Vec<(&'static str, Json)>;

impl Sections {
    /// The section at `at` (empty: the document) whose reader knows `keys`.
    fn section(&self, at: &str, keys: &Keys, properties: Properties) -> Json {
        debug_assert_eq!(drift(keys, &properties), Vec::<String>::new(), "{at}");
        let described = properties.into_iter().map(|(key, shape)| {
            let at = super::reader::joined(at, key);
            (key.to_owned(), self.described(&at, shape))
        });
        json!({
            "type": "object",
            "properties": Json::Object(described.collect::<Map<_, _>>()),
            "additionalProperties": false,
        })
    }

    /// A shape with what the key at `at` does, and its default.
    fn described(&self, at: &str, shape: Json) -> Json {
        // Draft 07 looks at nothing beside a reference.
        let mut shape = match shape.get("$ref") {
            Some(_) => json!({ "allOf": [shape] }),
            None => shape,
        };
        if let Some(description) = self.handbook.description(at) {
            shape["description"] = json!(description);
        }
        if let Some(default) = self.handbook.default_of(at) {
            shape["default"] = default.clone();
        }
        shape
    }

    fn top(&self) -> Json {
        let mut properties = vec![
            ("listen", self.listen()),
            (
                "upstream",
                either(
                    &edges::url(),
                    &self.section("upstream", &upstream::UPSTREAM, self.upstream()),
                ),
            ),
            ("upstreams", self.upstreams()),
            ("affinity", self.affinity()),
            ("session", self.session()),
            ("routes", list(&self.route(), 0)),
            ("preset_routes", truth()),
            ("default_access", choice(terms::ACCESS)),
            ("throttle", one_or_more(&self.rule(), 0)),
            ("queue", self.queue("queue", &terms::QUEUE)),
            ("client", self.client()),
            ("limits", self.limits()),
            ("application", self.application()),
            ("refusals", self.refusals()),
            ("admin", self.admin()),
            ("store", words(["memory"])),
            ("log", self.log()),
            ("tracing", self.tracing()),
            ("server_timing", truth()),
            ("ready_path", edges::ready_path()),
            ("drain_delay", duration()),
            ("drain_timeout", duration()),
        ];
        properties.extend(self.terms("release"));
        self.section("", &TOP, properties)
    }

    /// What top level and routes have in common, but the queue.
    fn terms(&self, release: &str) -> Properties {
        let long = vec![("after", choice(terms::RELEASE)), ("grace", duration())];
        let long = self.section(release, &terms::RELEASE_KEYS, long);
        vec![
            ("mode", choice(terms::MODES)),
            ("reads", choice(terms::READS)),
            (
                "release",
                either(&choice(terms::RELEASE), &with(long, &["after"])),
            ),
            ("follow_hold", duration()),
            ("on_client_gone", choice(terms::ON_CLIENT_GONE)),
        ]
    }

    fn queue(&self, at: &str, keys: &Keys) -> Json {
        let count = || whole(0..=defaults::MOST);
        let mut properties = vec![
            ("limit", count()),
            ("wait_timeout", timeout()),
            ("hold_limit", timeout()),
            ("on_overflow", choice(terms::ON_FULL)),
            ("on_wait_timeout", choice(terms::ON_FULL)),
            ("on_hold_limit", choice(terms::ON_HOLD_LIMIT)),
            ("max_passed", count()),
            (
                "admission",
                json!({ "anyOf": [choice(terms::ADMISSION), off()] }),
            ),
        ];
        if at == "queue" {
            properties.push(("max_waiting", whole(1..=defaults::MOST)));
        }
        self.section(at, keys, properties)
    }

    fn route(&self) -> Json {
        let method = json!({ "anyOf": [
            { "enum": routes::METHODS },
            { "type": "string", "pattern": TOKEN },
            named("variable"),
        ] });
        let named_values = || either(&one_or_more(&text(), 0), &by_name(&any_text()));
        let mut properties = vec![
            ("name", text()),
            ("path", text_like("^(/|\\*\\*/)")),
            ("regex", text()),
            ("methods", one_or_more(&method, 0)),
            ("host", text()),
            ("header", named_values()),
            ("query", named_values()),
            ("extensions", one_or_more(&text(), 1)),
            ("access", choice(terms::ACCESS)),
            ("queue", self.queue("routes.queue", &terms::ROUTE_QUEUE)),
        ];
        properties.extend(self.terms("routes.release"));
        let mut route = self.section("routes", &routes::ROUTE, properties);
        let criterion = |key: &&str| json!({ "required": [key] });
        route["anyOf"] = routes::CRITERIA.iter().map(criterion).collect();
        route
    }

    fn session(&self) -> Json {
        let scope = vec![("host", truth()), ("path_segments", whole(0..=16))];
        let properties = vec![
            ("preset", words(Preset::ALL.map(Preset::name))),
            ("keys", one_or_more(&self.key(), 1)),
            ("cookie", cookie_name()),
            ("shared", truth()),
            (
                "scope",
                self.section("session.scope", &session::SCOPE, scope),
            ),
            ("secret", any_text()),
            ("without_session", words(["pass", "by_client"])),
            ("by_client_window", timeout()),
        ];
        let mut section = self.section("session", &session::SESSION, properties);
        section["oneOf"] = json!([{ "required": ["preset"] }, { "required": ["keys"] }]);
        section
    }

    fn key(&self) -> Json {
        let cookie = vec![
            ("name", cookie_name()),
            ("prefix", cookie_name()),
            ("regex", text()),
            ("ignore_case", truth()),
        ];
        let cookie = self.section("session.keys.cookie", &keys::COOKIE, cookie);
        let mark = || json!({ "type": "string", "anyOf": [{ "maxLength": 1 }, named("variable")], "minLength": 1 });
        let transform = vec![
            ("cut_before", mark()),
            ("cut_before_last", mark()),
            ("cut_after", mark()),
            ("strip_prefix", text()),
            ("strip_suffix", text()),
        ];
        let transform = self.section("session.keys.transform", &keys::TRANSFORM, transform);
        let transform = either(
            &words(["lowercase", "percent_decode", "unquote"]),
            &transform,
        );
        let lane = format!("^[A-Za-z0-9_-]{{1,{}}}$", keys::LONGEST_LANE_NAME);
        let properties = vec![
            ("name", text()),
            ("lane", text_like(&lane)),
            ("cookie", either(&cookie_name(), &cookie)),
            ("header", text_like(TOKEN)),
            ("query", text()),
            ("path_parameter", text()),
            ("path_segment", words(["S"])),
            ("transform", one_or_more(&transform, 0)),
            ("pattern", text()),
            ("max_length", whole(1..=keys::LONGEST_ID)),
            ("duplicates", choice(keys::DUPLICATES)),
        ];
        let mut section = self.section("session.keys", &keys::KEY, properties);
        let place = |key: &&str| json!({ "required": [key] });
        section["oneOf"] = keys::PLACES.iter().map(place).collect();
        section
    }

    fn rule(&self) -> Json {
        let status = |(number, _): &(i128, _)| number.to_string();
        let written: Vec<String> = throttle::ACTIONS.iter().map(status).collect();
        let number = |(number, _): &(i128, _)| json!(i64::try_from(*number).unwrap_or_default());
        let mut actions: Vec<Json> = throttle::ACTIONS.iter().map(number).collect();
        actions.push(json!("abort"));
        let properties = vec![
            ("name", text()),
            ("preset", words(["iis"])),
            ("rate", named("rate")),
            ("burst", whole(1..=defaults::MOST)),
            ("concurrent", whole(1..=defaults::MOST)),
            ("waiting", whole(0..=defaults::MOST)),
            ("routes", one_or_more(&text(), 1)),
            (
                "action",
                json!({ "anyOf": [{ "enum": actions }, { "enum": written }, named("variable")] }),
            ),
            ("mode", choice(throttle::MODES)),
        ];
        let mut rule = self.section("throttle", &throttle::RULE, properties);
        let limit = |key| json!({ "required": [key] });
        rule["anyOf"] = ["preset", "rate", "concurrent", "waiting"]
            .map(limit)
            .into_iter()
            .collect();
        rule
    }
}

/// A section in which these keys must be.
fn with(mut section: Json, required: &[&str]) -> Json {
    section["required"] = json!(required);
    section
}

fn cookie_name() -> Json {
    text_like(r"^[^=;,\s]+$")
}

/// The keys that only one of the two has.
fn drift(keys: &Keys, properties: &Properties) -> Vec<String> {
    let drawn = |key: &&str| properties.iter().any(|(name, _)| name == key);
    let unknown = properties.iter().map(|(name, _)| *name);
    let unknown = unknown.filter(|name| !keys.known.contains(name));
    let unknown = unknown.map(|name| format!("{name} is not read"));
    let missing = keys.known.iter().filter(|key| !drawn(key));
    let missing = missing.map(|key| format!("{key} is not in the schema"));
    unknown.chain(missing).collect()
}

/// A token of RFC 9110 5.6.2: a method, or the name of a header.
const TOKEN: &str = "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$";

#[cfg(test)]
mod tests;
