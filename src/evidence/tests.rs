//! What several cores have seen, told as one.

use proptest::prelude::*;

use super::*;
use crate::config::Config;

fn seen<'a>(route: &'a Label, path: &'a str, report: Option<Report>) -> Observation<'a> {
    Observation {
        route,
        access: Access::Write,
        method: &Method::GET,
        path,
        case: PathCase::Insensitive,
        report,
        meeting: Meeting::None,
        waited: Duration::ZERO,
        held: Duration::ZERO,
    }
}

#[test]
fn the_cores_evidence_is_one_and_the_costly_comes_first() {
    let (evidence, default) = (Evidence::default(), Label::from("default"));
    let (one, other) = (evidence.recorder(), evidence.recorder());
    for recorder in [&one, &other] {
        recorder.record(&seen(&default, "/Cheap", Some(Report::Wrote)));
        let costly = Observation {
            held: Duration::from_millis(1500),
            ..seen(&default, "/orders/7", Some(Report::Unchanged))
        };
        recorder.record(&costly);
    }
    let snapshot = evidence.snapshot(true, false, &[]);
    let paths: Vec<_> = snapshot.paths.iter().map(|path| &*path.path).collect();
    assert_eq!(paths, ["/orders/*", "/cheap"]);
    assert_eq!(snapshot.paths[0].counts.unchanged, 2);
    assert_eq!(snapshot.paths[0].counts.held, Duration::from_secs(3));
    assert_eq!(snapshot.routes.len(), 1);
    assert_eq!(snapshot.routes[0].counts.requests, 4);
    assert_eq!(snapshot.routes[0].counts.wrote, 2);
}

#[test]
fn a_request_that_wrote_and_was_not_taken_for_a_write_is_told_apart() {
    let (evidence, label) = (Evidence::default(), Label::from("reports"));
    let recorder = evidence.recorder();
    for access in [Access::Write, Access::Read, Access::None] {
        let wrote = Observation {
            access,
            ..seen(&label, "/r", Some(Report::Wrote))
        };
        recorder.record(&wrote);
    }
    let snapshot = evidence.snapshot(true, false, &[&label]);
    assert_eq!(snapshot.paths[0].counts.undeclared, 2);
    assert_eq!(snapshot.paths[0].access, "none", "that of the last request");
    assert!(snapshot.routes[0].demoted);
}

#[test]
fn what_no_route_could_name_is_counted_by_its_route_alone() {
    let (evidence, label) = (Evidence::default(), Label::from("unsafe_path"));
    let recorder = evidence.recorder();
    recorder.record(&seen(&label, "/%252e", Some(Report::Silent)));
    let unusual = Method::from_bytes(b"FROB").unwrap();
    recorder.record(&Observation {
        method: &unusual,
        ..seen(&label, "/a", None)
    });
    let snapshot = evidence.snapshot(true, false, &[]);
    assert_eq!(snapshot.paths, []);
    assert_eq!(snapshot.routes[0].counts.requests, 2);
}

proptest! {
    /// A route for the shape of a path is a route for the path, and needs no escapes.
    #[test]
    fn a_path_matches_its_shape(raw in "(/[a-z0-9A-Z%._;*$?{}\\[\\]()@ \u{e9}-]{0,20}){1,9}") {
        for (preset, case) in [("aspnet", PathCase::Insensitive), ("java", PathCase::Sensitive)] {
            let raw = raw.replace(['?', ' ', '{', '}', '[', ']', '\u{e9}'], "%41");
            let Some(shape) = shape(&raw, case) else { continue };
            let plain = |c: char| c.is_alphanumeric() || "/-_.*".contains(c);
            prop_assert!(shape.chars().all(plain), "{shape}");
            let text = format!(
                "session: {{ preset: {preset} }}\nroutes: [{{ name: shape, path: \"{shape}\", access: read }}]"
            );
            let policy = Config::parse(&text, &|_| None).unwrap().policy;
            let (head, ()) = http::Request::get(&*raw).body(()).unwrap().into_parts();
            prop_assert_eq!(&**policy.routes.decide(&head).label, "shape", "{} {}", raw, shape);
        }
    }
}

#[test]
fn the_json_is_read_as_it_was_written() {
    let (evidence, label) = (Evidence::default(), Label::from("default"));
    let nested = Observation {
        meeting: Meeting::Nested,
        waited: Duration::from_millis(250),
        ..seen(&label, "/a", None)
    };
    evidence.recorder().record(&nested);
    let snapshot = evidence.snapshot(false, true, &[]);
    let json = serde_json::to_string(&snapshot).unwrap();
    assert!(json.contains("\"waited_seconds\":0.25"), "{json}");
    assert_eq!(serde_json::from_str::<Snapshot>(&json).unwrap(), snapshot);
}
