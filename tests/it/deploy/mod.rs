//! The files in deploy/, the Dockerfile and the guide for IIS: what they say of ports, paths, times and sizes agrees with Onelane and with
//! each other, the configurations in them are valid, and other programs take the files (`tools`).
//! Does not do: start them; no orchestrator runs here.

mod chart;
mod tools;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use onelane::config::{Config, Startup};
use serde_yaml::Value;

use crate::support::Authority;

/// Where a configuration is put, and what is known of its surroundings. Seconds and bytes.
#[derive(Clone, Debug)]
struct Place {
    startup: Startup,
    /// The port of the container that clients are led to.
    port: u64,
    /// Where the configuration says that the application is.
    upstream: String,
    /// Where the application is.
    application: String,
    /// From the signal to the application until the signal to Onelane.
    before_stop: Option<u64>,
    /// From the beginning of the end until all is killed.
    grace: u64,
    memory: Option<u64>,
    spool: Option<u64>,
    /// The command line of each probe.
    probes: Vec<Vec<String>>,
}

impl Place {
    /// What does not fit together.
    fn problems(&self) -> Vec<&'static str> {
        let drain = self.startup.drain_timeout;
        let (grace, before) = (
            Duration::from_secs(self.grace),
            self.before_stop.map(Duration::from_secs),
        );
        let admin = self.startup.admin.listen.map(|address| address.port());
        let listens = self
            .startup
            .listen
            .iter()
            .any(|listener| u64::from(listener.address.port()) == self.port);
        let asks_admin = |probe: &Vec<String>| match probe.iter().find(|word| word.contains("://"))
        {
            Some(url) => admin.is_some_and(|port| url.contains(&format!("127.0.0.1:{port}/"))),
            None => admin == Some(9180),
        };
        let mut found = Vec::new();
        let mut unless = |fits: bool, problem| {
            if !fits {
                found.push(problem);
            }
        };
        unless(listens, "nobody listens on the port");
        unless(
            self.upstream == format!("http://{}", self.application),
            "the application is elsewhere",
        );
        unless(
            grace > drain + before.unwrap_or_default() + Duration::from_secs(1),
            "killed before the drain has ended",
        );
        unless(
            before.is_none_or(|before| before > drain),
            "the application ends before the lanes are empty",
        );
        unless(
            self.memory
                .is_none_or(|memory| memory > self.startup.buffer_memory as u64 + CONNECTIONS),
            "too little memory",
        );
        unless(
            self.spool
                .is_none_or(|spool| spool > self.startup.spool_disk as u64),
            "too little room for temporary files",
        );
        unless(
            self.probes.iter().all(asks_admin),
            "a probe asks where nobody listens",
        );
        found
    }
}

/// What clients of 5,000 connections may take, as both files allow them.
const CONNECTIONS: u64 = 5000 * (20 << 10);

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn documents(text: &str) -> Vec<Value> {
    use serde::Deserialize;
    serde_yaml::Deserializer::from_str(text)
        .map(|document| Value::deserialize(document).unwrap())
        .collect()
}

/// The document of a kind.
fn of_kind<'d>(documents: &'d [Value], kind: &str) -> &'d Value {
    documents
        .iter()
        .find(|document| document["kind"] == kind)
        .unwrap_or_else(|| panic!("no {kind}"))
}

#[track_caller]
fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("a text, not {value:?}"))
        .to_owned()
}

#[track_caller]
fn number(value: &Value) -> u64 {
    value
        .as_u64()
        .unwrap_or_else(|| panic!("a number, not {value:?}"))
}

/// `512Mi`, `2Gi`.
#[track_caller]
fn bytes(value: &Value) -> u64 {
    let size: bytesize::ByteSize = format!("{}B", text(value)).parse().unwrap();
    size.as_u64()
}

fn words(value: &Value) -> Vec<String> {
    value.as_sequence().unwrap().iter().map(text).collect()
}

/// A configuration that is valid, without warnings but those that come of not being the whole truth here.
#[track_caller]
fn startup(yaml: &str) -> Startup {
    let config = Config::parse(yaml, &|_| None).unwrap_or_else(|errors| panic!("{errors}"));
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    config.startup
}

fn upstream(yaml: &str) -> String {
    let config: Value = serde_yaml::from_str(yaml).unwrap();
    match &config["upstream"] {
        Value::String(url) => url.clone(),
        section => text(&section["url"]),
    }
}

fn composed() -> Place {
    let compose = &documents(&read("deploy/compose.yaml"))[0];
    let onelane = &compose["services"]["onelane"];
    let yaml = read(COMPOSED);
    let expose = &compose["services"]["application"]["expose"][0];
    let grace = text(&onelane["stop_grace_period"]);
    Place {
        startup: startup(&yaml),
        port: text(&onelane["ports"][0])
            .rsplit(':')
            .next()
            .unwrap()
            .parse()
            .unwrap(),
        upstream: upstream(&yaml),
        application: format!("application:{}", text(expose)),
        before_stop: None,
        grace: humantime::parse_duration(&grace).unwrap().as_secs(),
        memory: None,
        spool: None,
        probes: Vec::new(),
    }
}

fn in_kubernetes() -> Place {
    in_a_pod(&read("deploy/kubernetes/sidecar.yaml"))
}

fn in_a_chart() -> Place {
    in_a_pod(&chart::rendered(&chart::values()))
}

fn in_a_pod(manifests: &str) -> Place {
    let documents = documents(manifests);
    let pod = &of_kind(&documents, "Deployment")["spec"]["template"]["spec"];
    let (onelane, application) = (&pod["initContainers"][0], &pod["containers"][0]);
    let yaml = text(&of_kind(&documents, "ConfigMap")["data"]["onelane.yaml"]);
    let probe = |name| words(&onelane[name]["exec"]["command"]);
    Place {
        startup: startup(&yaml),
        port: number(&onelane["ports"][0]["containerPort"]),
        upstream: upstream(&yaml),
        application: format!(
            "127.0.0.1:{}",
            number(&application["ports"][0]["containerPort"])
        ),
        before_stop: Some(number(
            &application["lifecycle"]["preStop"]["sleep"]["seconds"],
        )),
        grace: number(&pod["terminationGracePeriodSeconds"]),
        memory: Some(bytes(&onelane["resources"]["limits"]["memory"])),
        spool: Some(bytes(&pod["volumes"][1]["emptyDir"]["sizeLimit"])),
        probes: ["startupProbe", "readinessProbe", "livenessProbe"]
            .map(probe)
            .into(),
    }
}

#[test]
fn ports_times_and_sizes_fit_together() {
    for (name, place) in [
        ("compose", composed()),
        ("kubernetes", in_kubernetes()),
        ("helm", in_a_chart()),
    ] {
        assert_eq!(place.problems(), Vec::<&str>::new(), "{name}");
    }
}

#[test]
fn what_does_not_fit_is_found() {
    type Spoil = fn(&mut Place);
    let spoilt: [(Spoil, &str); 7] = [
        (|place| place.port = 80, "nobody listens on the port"),
        (
            |place| place.application = "127.0.0.1:80".to_owned(),
            "the application is elsewhere",
        ),
        (
            |place| place.grace = 76,
            "killed before the drain has ended",
        ),
        (
            |place| place.before_stop = Some(30),
            "the application ends before the lanes are empty",
        ),
        (|place| place.memory = Some(128 << 20), "too little memory"),
        (
            |place| place.spool = Some(1 << 30),
            "too little room for temporary files",
        ),
        (
            |place| place.probes[2][3] = "http://127.0.0.1:80/livez".to_owned(),
            "a probe asks where nobody listens",
        ),
    ];
    for (spoil, problem) in spoilt {
        let mut place = in_kubernetes();
        spoil(&mut place);
        assert_eq!(place.problems(), [problem]);
    }
}

#[test]
fn the_sidecar_is_started_with_its_configuration_as_nobody_on_a_read_only_disk() {
    for manifests in [
        read("deploy/kubernetes/sidecar.yaml"),
        chart::rendered(&chart::values()),
    ] {
        assert_is_a_sidecar(&documents(&manifests));
    }
}

#[track_caller]
fn assert_is_a_sidecar(documents: &[Value]) {
    let pod = &of_kind(documents, "Deployment")["spec"]["template"]["spec"];
    let onelane = &pod["initContainers"][0];
    assert_eq!(onelane["restartPolicy"], "Always", "or it is no sidecar");
    assert_eq!(words(&onelane["args"]).last().unwrap(), IMAGE_CONFIG);
    assert_eq!(
        text(&onelane["volumeMounts"][0]["mountPath"]) + "/onelane.yaml",
        IMAGE_CONFIG
    );
    assert_eq!(
        pod["volumes"][0]["configMap"]["name"],
        of_kind(documents, "ConfigMap")["metadata"]["name"]
    );
    let security = &onelane["securityContext"];
    for key in ["runAsNonRoot", "readOnlyRootFilesystem"] {
        assert_eq!(security[key], true, "{key}");
    }
    let service = &of_kind(documents, "Service")["spec"];
    assert_eq!(
        service["ports"][0]["targetPort"],
        onelane["ports"][0]["containerPort"]
    );
    let labels = &of_kind(documents, "Deployment")["spec"]["template"]["metadata"]["labels"];
    assert_eq!(&service["selector"], labels);
    let version = format!("onelane:{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(onelane["image"], *version);
}

#[test]
fn compose_mounts_each_its_folder_and_the_configuration_where_the_image_reads_it() {
    let compose = &documents(&read("deploy/compose.yaml"))[0];
    let volume = |service: &str| {
        let volume = text(&compose["services"][service]["volumes"][0]);
        let (folder, place) = volume.split_once(':').unwrap();
        let place = place.strip_suffix(":ro").expect("nobody writes there");
        (Path::new("deploy").join(folder), place.to_owned())
    };
    let (folder, place) = volume("onelane");
    let configuration = Path::new(COMPOSED);
    assert_eq!(
        folder.join(configuration.file_name().unwrap()),
        configuration
    );
    let name = configuration.file_name().unwrap().to_str().unwrap();
    assert_eq!(format!("{place}/{name}"), IMAGE_CONFIG);
    assert_eq!(compose["services"]["onelane"]["read_only"], true);
    let (folder, _) = volume("application");
    assert!(!configuration.starts_with(&folder), "or the site shows it");
    assert!(read(folder.join("index.php").to_str().unwrap()).contains("session_start"));
}

#[test]
fn the_image_is_static_runs_as_nobody_and_asks_for_its_health() {
    let dockerfile = read("Dockerfile");
    let last = dockerfile.rsplit("\nFROM ").next().unwrap();
    assert!(dockerfile.contains("target-feature=+crt-static"));
    for line in [
        "scratch\n",
        "\nUSER 65532:65532\n",
        "\nSTOPSIGNAL SIGTERM\n",
        "CMD [\"/onelane\", \"health\"]\n",
        "\nENTRYPOINT [\"/onelane\"]\n",
    ] {
        assert!(last.contains(line), "{line:?} in {last}");
    }
    assert!(last.contains(&format!("COPY config/container.yaml {IMAGE_CONFIG}\n")));
    assert!(last.contains(&format!("\nCMD [\"run\", \"-c\", \"{IMAGE_CONFIG}\"]")));
    let startup = startup(&read("config/container.yaml"));
    let ports = [startup.listen[0].address, startup.admin.listen.unwrap()];
    let exposed = ports.map(|address| address.port().to_string()).join(" ");
    assert!(last.contains(&format!("\nEXPOSE {exposed}\n")));
}

#[test]
fn the_charts_templates_use_each_value_and_no_other_and_close_what_they_open() {
    let values = &documents(&read("deploy/helm/onelane/values.yaml"))[0];
    let mut used = BTreeSet::new();
    for name in ["configmap", "deployment", "service"] {
        let template = read(&format!("deploy/helm/onelane/templates/{name}.yaml"));
        let mut open = 0;
        for action in template.split("{{").skip(1) {
            let (action, _) = action.split_once("}}").expect("closed on the same line");
            let action = action.trim_matches(['-', ' ']);
            open += i32::from(action.starts_with("if ") || action.starts_with("with "));
            open -= i32::from(action == "end");
            used.extend(action.split(".Values.").skip(1).map(|path| {
                path.split(|c: char| !c.is_alphanumeric() && c != '.')
                    .next()
                    .unwrap()
                    .to_owned()
            }));
        }
        assert_eq!(open, 0, "{name}");
    }
    for path in &used {
        let found = path.split('.').fold(values, |value, key| &value[key]);
        assert!(!found.is_null(), "values.yaml has no {path}");
    }
    for key in values.as_mapping().unwrap().keys().map(text) {
        let named = |path: &String| path.split('.').next() == Some(&*key);
        assert!(used.iter().any(named), "nobody uses {key}");
    }
    let chart = &documents(&read("deploy/helm/onelane/Chart.yaml"))[0];
    assert_eq!(chart["appVersion"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn the_iis_guides_configurations_are_valid() {
    let folder = tempfile::tempdir().unwrap();
    Authority::new(folder.path()).issue("site", &["www.example.com"]);
    let guide = read("docs/iis.md");
    let blocks: Vec<&str> = guide
        .split("```yaml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert!(blocks.len() > 3);
    for yaml in blocks {
        let file = folder.path().join("onelane.yaml");
        fs::write(&file, yaml).unwrap();
        let config = Config::load(&file, &|_| None).unwrap_or_else(|errors| panic!("{errors}"));
        assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    }
}

#[cfg(not(windows))]
#[test]
fn on_other_systems_service_says_that_it_is_for_windows() {
    for verb in [
        &["install", "-c", "x.yaml", "--logs", "logs"][..],
        &["start"],
        &["stop", "--name", "two"],
        &["uninstall"],
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_onelane"))
            .arg("service")
            .args(verb)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(64), "{verb:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        let expected = format!("onelane service {} is for Windows", verb[0]);
        assert!(said.starts_with(&expected), "{said}");
    }
}

/// Where the image has its configuration.
const IMAGE_CONFIG: &str = "/etc/onelane/onelane.yaml";

/// The configuration of `deploy/compose.yaml`.
const COMPOSED: &str = "deploy/compose/onelane/onelane.yaml";
