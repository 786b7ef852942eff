//! The pages of docs/stacks: their configurations are valid.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::process::directory;

#[test]
fn every_configuration_in_the_pages_for_stacks_is_valid() {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/stacks");
    let files = directory().unwrap();
    let config = files.path().join("onelane.yaml");
    for entry in fs::read_dir(pages).unwrap() {
        let page = entry.unwrap().path();
        let text = fs::read_to_string(&page).unwrap();
        let blocks: Vec<&str> = text.split("```yaml\n").skip(1).collect();
        assert!(!blocks.is_empty(), "{} has none", page.display());
        for block in blocks {
            let yaml = block.split("```").next().unwrap_or_default();
            fs::write(&config, yaml).unwrap();
            let check = Command::new(env!("CARGO_BIN_EXE_onelane"))
                .arg("check")
                .arg(&config)
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&check.stderr);
            assert!(
                check.status.success(),
                "{}: {said}\nin:\n{yaml}",
                page.display()
            );
        }
    }
}
