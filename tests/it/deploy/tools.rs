//! What other programs say of the files in `deploy/`: Kubernetes' own schemas, of the oldest version that they are for and of
//! a new one, and Compose.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_yaml::Value;

use super::{chart, of_kind, read};

/// The oldest that `sidecar.yaml` and the chart name, and the newest that the schemas know.
const VERSIONS: [&str; 2] = ["1.30", "1.37"];

/// What Kubernetes of a version finds wrong in manifests; empty when nothing is.
fn invalid(manifests: &str, version: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("manifests.yaml");
    fs::write(&file, manifests).unwrap();
    let output = Command::new("kubernetes-validate")
        .args(["--strict", "--kubernetes-version", version])
        .arg(&file)
        .output();
    let output = output.expect("kubernetes-validate is installed (tests/run.sh does it)");
    wrong(&output)
}

/// What Compose finds wrong in a file beside `compose.yaml`; empty when nothing is.
fn uncomposable(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("compose.yaml");
    fs::write(&file, text).unwrap();
    let output = Command::new("docker-compose")
        .args(["--project-name", "onelane", "--file"])
        .arg(&file)
        .args(["config", "--quiet"])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
        .output();
    wrong(&output.expect("docker-compose is installed (tests/run.sh does it)"))
}

/// What a program printed, if it failed.
fn wrong(output: &Output) -> String {
    if output.status.success() {
        return String::new();
    }
    let said = [&output.stdout[..], &output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(!said.is_empty(), "a failure is explained");
    said
}

/// The chart's values with all that is empty in them by default.
fn all_values() -> Value {
    let mut values = chart::values();
    let yaml = |text| serde_yaml::from_str::<Value>(text).unwrap();
    values["secretName"] = "site".into();
    values["image"]["tag"] = "1.2.3".into();
    values["application"]["env"] = yaml("[{ name: MODE, value: production }]");
    values["application"]["resources"] = yaml("{ limits: { memory: 2Gi } }");
    values
}

#[test]
fn kubernetes_takes_the_sidecar_and_what_the_chart_says() {
    for version in VERSIONS {
        for (what, manifests) in [
            ("the sidecar", read("deploy/kubernetes/sidecar.yaml")),
            ("the chart", chart::rendered(&chart::values())),
            ("the chart with all", chart::rendered(&all_values())),
        ] {
            assert_eq!(invalid(&manifests, version), "", "{what} in {version}");
        }
    }
}

#[test]
fn what_kubernetes_would_not_take_is_found() {
    let sidecar = read("deploy/kubernetes/sidecar.yaml");
    for (right, spoilt) in [
        ("readinessProbe:", "readynessProbe:"),
        ("periodSeconds: 5", "periodSeconds: five"),
        ("sleep: { seconds: 45 }", "sleep: {}"),
    ] {
        assert!(sidecar.contains(right));
        let spoilt = sidecar.replace(right, spoilt);
        assert_ne!(invalid(&spoilt, VERSIONS[0]), "", "{right}");
    }
    // Sidecars are younger than this.
    assert_ne!(invalid(&sidecar, "1.27"), "");
}

#[test]
fn the_charts_options_arrive() {
    let documents = super::documents(&chart::rendered(&all_values()));
    let pod = &of_kind(&documents, "Deployment")["spec"]["template"]["spec"];
    let (onelane, application) = (&pod["initContainers"][0], &pod["containers"][0]);
    assert_eq!(onelane["image"], "onelane:1.2.3");
    let secret = &onelane["env"][0]["valueFrom"]["secretKeyRef"];
    assert_eq!(secret["name"], "site");
    assert_eq!(application["env"][0]["name"], "MODE");
    assert_eq!(application["resources"]["limits"]["memory"], "2Gi");
    let documents = super::documents(&chart::rendered(&chart::values()));
    let pod = &of_kind(&documents, "Deployment")["spec"]["template"]["spec"];
    let onelane = &pod["initContainers"][0];
    let version = format!("onelane:{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(onelane["image"], *version);
    assert!(onelane["env"].is_null());
}

#[test]
fn compose_takes_its_file() {
    let compose = read("deploy/compose.yaml");
    assert_eq!(uncomposable(&compose), "");
    let spoilt = compose.replace("stop_grace_period:", "stop_graceperiod:");
    let said = uncomposable(&spoilt);
    assert!(said.contains("stop_graceperiod"), "{said}");
}
