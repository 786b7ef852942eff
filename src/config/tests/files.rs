//! Files: those that are shipped, those that cannot be read, those beside the configuration.

use super::*;

#[test]
fn onelane_yaml_shows_the_defaults() {
    let every_key = config(include_str!("../../../config/onelane.yaml"));
    let least = config("session: { preset: aspnet }");
    assert_eq!(
        format!("{:#?}", every_key.startup),
        format!("{:#?}", least.startup)
    );
    assert_eq!(
        format!("{:#?}", every_key.policy),
        format!("{:#?}", least.policy)
    );
    assert_eq!(every_key.warnings, []);
}

#[test]
fn a_default_that_differs_from_onelane_yaml_is_noticed() {
    let text =
        include_str!("../../../config/onelane.yaml").replace("slow_client: 1s", "slow_client: 2s");
    let other = format!("{:?}", config(&text).policy);
    assert_ne!(
        other,
        format!("{:?}", config("session: { preset: aspnet }").policy)
    );
}

#[test]
fn minimal_yaml_is_all_defaults() {
    let minimal = config(include_str!("../../../config/minimal.yaml"));
    let least = config("session: { preset: aspnet }");
    assert_eq!(format!("{minimal:?}"), format!("{least:?}"));
}

fn problem(path: &Path) -> String {
    Config::load(path, &no_environment).unwrap_err().to_string()
}

#[test]
fn each_kind_of_file_that_is_no_configuration_is_named() {
    let folder = Folder::new("unreadable");
    let large = "# ".repeat(5 << 20);
    let cases: [(&str, &[u8], &str); 8] = [
        ("empty.yaml", b"", "nothing in it"),
        ("comments.yaml", b"# listen: 1\n\n", "nothing in it"),
        ("binary.yaml", b"\x7fELF\x00\x01", "binary file"),
        ("utf16.yaml", b"\xff\xfel\x00i\x00", "binary file"),
        ("latin1.yaml", b"listen: \xe9", "not UTF-8 (from byte 8 on)"),
        ("large.yaml", large.as_bytes(), "larger than 1 MiB"),
        ("list.yaml", b"- listen", "expected a section, found a list"),
        ("text.yaml", b"hello", "expected a section, found text"),
    ];
    for (name, content, expected) in cases {
        let problem = problem(&folder.write(name, content));
        assert!(problem.contains(expected), "{name}: {problem}");
        assert!(problem.contains(name), "{name}: {problem}");
    }
    assert!(problem(&folder.0).contains("a folder"));
    assert!(problem(&folder.0.join("absent.yaml")).contains("cannot be read"));
}

#[cfg(unix)]
#[test]
fn an_endless_file_is_too_large() {
    assert!(problem(Path::new("/dev/zero")).contains("larger than 1 MiB"));
}

#[test]
fn a_file_of_the_largest_size_is_read() {
    let folder = Folder::new("largest");
    let mut text = "drain_timeout: 5s\n".to_owned();
    text += &"#".repeat((1 << 20) - text.len());
    let path = folder.write("largest.yaml", text);
    assert_eq!(
        Config::load(&path, &no_environment)
            .unwrap()
            .startup
            .drain_timeout,
        Duration::from_secs(5)
    );
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_do_not_matter() {
    let folder = Folder::new("bom");
    let path = folder.write("bom.yaml", "\u{feff}drain_timeout: 5s\r\nmode: observe\r\n");
    assert_eq!(
        Config::load(&path, &no_environment)
            .unwrap()
            .startup
            .drain_timeout,
        Duration::from_secs(5)
    );
}

#[test]
fn a_syntax_error_stands_alone_with_its_line() {
    let error = error("listen: 0.0.0.0:8080\nqueue: { limit: 5\nnonsense: 1\n");
    assert!(error.line.is_some());
    assert!(error.problem.starts_with("not valid YAML"), "{error:?}");
}

#[test]
fn a_page_is_read_from_beside_the_file() {
    let folder = Folder::new("pages");
    folder.write("queue.html", "<p>wait</p>");
    let path = folder.write(
        "onelane.yaml",
        "refusals: { queue_full: { status: 429, page: queue.html }, draining: {} }",
    );
    let config = Config::load(&path, &no_environment).unwrap();
    let page = &config.policy.refusals[&Reason::QueueFull];
    assert_eq!(page.status, Some(StatusCode::TOO_MANY_REQUESTS));
    assert_eq!(page.page.as_deref(), Some("<p>wait</p>"));
    assert!(config.policy.refusals.contains_key(&Reason::Draining));
}

#[test]
fn a_page_that_cannot_be_read_is_an_error_with_its_path() {
    let folder = Folder::new("no-page");
    let path = folder.write(
        "onelane.yaml",
        "refusals: { queue_full: { page: absent.html } }",
    );
    let errors = Config::load(&path, &no_environment)
        .unwrap_err()
        .to_string();
    assert!(errors.contains("absent.html: cannot be read"), "{errors}");
}

#[test]
fn an_unknown_reason_has_a_suggestion() {
    assert_eq!(
        suggestion("refusals: { queue_ful: { status: 503 } }"),
        "did you mean queue_full?"
    );
    assert!(
        !suggestion("refusals: { xyz: {} }").contains("connections_full"),
        "it is never answered"
    );
}
