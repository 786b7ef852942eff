//! `/metrics` of a Onelane that has everything, read as Prometheus reads it.

use std::collections::{BTreeMap, BTreeSet};

use onelane::gateway::record::{ACCESS_LABELS, Outcome};

use crate::support::{Authority, Proxy, Request, Upstream};

/// One family.
#[derive(Clone, Debug, Default)]
pub(super) struct Family {
    /// As people call it: with the suffix of a counter, without those of a histogram.
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) unit: Option<String>,
    pub(super) help: String,
    /// The names of its samples.
    pub(super) samples: BTreeSet<String>,
    /// The values of each label that there were.
    pub(super) labels: BTreeMap<String, BTreeSet<String>>,
}

impl Family {
    /// All values of a label, if they are known beforehand.
    pub(super) fn values(&self, label: &str) -> Option<BTreeSet<String>> {
        let set = |values: &[&str]| Some(values.iter().map(ToString::to_string).collect());
        match (self.name.as_str(), label) {
            (_, "route" | "rule" | "upstream" | "version" | "le") => None,
            ("onelane_requests_total", "access") => set(&ACCESS_LABELS),
            ("onelane_requests_total", "outcome") => set(&Outcome::LABELS),
            ("onelane_requests_total", "code") => set(&["none", "1xx", "2xx", "3xx", "4xx", "5xx"]),
            _ => self.labels.get(label).cloned(),
        }
    }
}

/// All families, of a Onelane with TLS, a throttle and several nodes, that has served a request.
pub(super) fn families() -> Vec<Family> {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    let pair = authority.issue("site", &["a.test"]);
    let nodes = [Upstream::start(), Upstream::start()];
    let yaml = format!(
        "listen: [127.0.0.1:0, {{ address: '127.0.0.1:0', tls: {} }}]
admin: {{ listen: '127.0.0.1:0' }}
upstreams: [{{ name: east, url: 'http://{}' }}, {{ name: west, url: 'http://{}' }}]
session: {{ keys: [{{ cookie: sid }}] }}
throttle: [{{ name: everyone, concurrent: 100 }}]
routes: [{{ path: /read, access: read }}]
log: {{ access: false }}
",
        pair.yaml(),
        nodes[0].address(),
        nodes[1].address()
    );
    let proxy = Proxy::start(&yaml);
    assert_eq!(
        proxy.call(&Request::post("/x", "x").session("a")).status,
        200
    );
    proxy.until_nothing_is_left();
    read(&proxy.admin("/metrics").text())
}

/// The families of a text.
pub(super) fn read(text: &str) -> Vec<Family> {
    let mut families: Vec<Family> = Vec::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            families.push(Family {
                name: name.to_owned(),
                help: help.trim_end_matches('.').to_owned(),
                ..Family::default()
            });
            continue;
        }
        let Some(family) = families.last_mut() else {
            continue;
        };
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            family.kind = kind.to_owned();
            match kind {
                "counter" => family.name = format!("{name}_total"),
                "info" => family.name = format!("{name}_info"),
                _ => {}
            }
            let suffixes: &[&str] = match kind {
                "histogram" => &["_bucket", "_count", "_sum"],
                _ => &[""],
            };
            let samples = suffixes
                .iter()
                .map(|suffix| format!("{}{suffix}", family.name));
            family.samples = samples.collect();
        } else if let Some(rest) = line.strip_prefix("# UNIT ") {
            family.unit = rest.split_once(' ').map(|(_, unit)| unit.to_owned());
        } else if !line.starts_with('#') {
            sample(family, line);
        }
    }
    families
}

fn sample(family: &mut Family, line: &str) {
    let (series, _) = line.rsplit_once(' ').unwrap();
    let (name, labels) = series.split_once('{').unwrap_or((series, ""));
    assert!(
        family.samples.contains(name),
        "{name} is none of {family:?}"
    );
    // No value here has a comma or a quote in it.
    for label in labels
        .trim_end_matches('}')
        .split(',')
        .filter(|label| !label.is_empty())
    {
        let (label, value) = label.split_once('=').unwrap();
        let values = family.labels.entry(label.to_owned()).or_default();
        values.insert(value.trim_matches('"').to_owned());
    }
}
