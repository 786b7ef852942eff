//! The Helm chart as Kubernetes gets it: its templates rendered by an engine of Go's template language, with the functions of
//! Helm's that they use.
//! Does not do: what Helm does beyond that (releases, hooks, dependencies).

use std::collections::HashMap;

use gtmpl::{Context, FuncError, Template, Value as Go};
use serde_yaml::Value;

use super::{documents, read};

/// The chart's values.
pub(super) fn values() -> Value {
    documents(&read("deploy/helm/onelane/values.yaml")).remove(0)
}

/// All that the chart says for a release `shop` with these values, as one text.
#[track_caller]
pub(super) fn rendered(values: &Value) -> String {
    let chart = documents(&read("deploy/helm/onelane/Chart.yaml")).remove(0);
    let map = |entries: [(&str, Go); 1]| Go::from(HashMap::from(entries.map(owned)));
    let context = HashMap::from(
        [
            ("Values", go(values)),
            ("Release", map([("Name", "shop".into())])),
            ("Chart", map([("AppVersion", go(&chart["appVersion"]))])),
        ]
        .map(owned),
    );
    let render = |name| {
        let mut template = Template::default();
        template.add_func("toYaml", to_yaml);
        template.add_func("nindent", nindent);
        template.add_func("default", default);
        let text = read(&format!("deploy/helm/onelane/templates/{name}.yaml"));
        let parsed = template.parse(text);
        parsed.unwrap_or_else(|error| panic!("{name}: {error}"));
        let rendered = template.render(&Context::from(context.clone()));
        rendered.unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    ["configmap", "deployment", "service"]
        .map(render)
        .join("---\n")
}

fn owned((name, value): (&str, Go)) -> (String, Go) {
    (name.to_owned(), value)
}

fn go(value: &Value) -> Go {
    match value {
        Value::Null => Go::Nil,
        Value::Bool(value) => (*value).into(),
        Value::Number(value) => value.as_i64().expect("a whole number").into(),
        Value::String(value) => value.as_str().into(),
        Value::Sequence(values) => values.iter().map(go).collect::<Vec<_>>().into(),
        Value::Mapping(entries) => {
            let entry = |(key, value): (&Value, &Value)| (super::text(key), go(value));
            Go::from(entries.iter().map(entry).collect::<HashMap<_, _>>())
        }
        Value::Tagged(_) => panic!("no tags"),
    }
}

fn yaml(value: &Go) -> Value {
    match value {
        Go::Bool(value) => Value::from(*value),
        Go::String(value) => Value::from(value.as_str()),
        Go::Number(value) => Value::from(value.as_i64().expect("a whole number")),
        Go::Array(values) => values.iter().map(yaml).collect(),
        Go::Map(entries) | Go::Object(entries) => {
            let mut entries: Vec<_> = entries.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            let entry = |(key, value): (&String, &Go)| (Value::from(key.as_str()), yaml(value));
            Value::Mapping(entries.into_iter().map(entry).collect())
        }
        Go::Nil | Go::NoValue | Go::Function(_) => Value::Null,
    }
}

/// Helm's: the argument as YAML, without the last line's end.
fn to_yaml(arguments: &[Go]) -> Result<Go, FuncError> {
    let [value] = arguments else {
        return Err(FuncError::ExactlyXArgs("toYaml".to_owned(), 1));
    };
    let text = serde_yaml::to_string(&yaml(value));
    let text = text.map_err(|error| FuncError::Generic(error.to_string()))?;
    Ok(text.trim_end().into())
}

/// Sprig's: a new line, and each line of the text behind so many spaces.
fn nindent(arguments: &[Go]) -> Result<Go, FuncError> {
    let [Go::Number(spaces), Go::String(text)] = arguments else {
        return Err(FuncError::Generic("nindent NUMBER TEXT".to_owned()));
    };
    let spaces = usize::try_from(spaces.as_u64().unwrap_or_default());
    let spaces = " ".repeat(spaces.expect("a few"));
    let lines = text.lines().map(|line| format!("\n{spaces}{line}"));
    Ok(lines.collect::<String>().into())
}

/// Sprig's: the first argument when the last is empty.
fn default(arguments: &[Go]) -> Result<Go, FuncError> {
    match arguments {
        [default, Go::Nil | Go::NoValue] => Ok(default.clone()),
        [default, Go::String(text)] if text.is_empty() => Ok(default.clone()),
        [_, value] => Ok(value.clone()),
        _ => Err(FuncError::ExactlyXArgs("default".to_owned(), 2)),
    }
}
