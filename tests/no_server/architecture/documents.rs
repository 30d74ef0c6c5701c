//! Documents name only what exists, in the words of the house, and can be found from README.

use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

use super::files;

/// Documents whose claims name the test or the module that keeps them.
const WITH_PROOFS: &[&str] = &["docs/threat-model.md", "docs/upgrading.md"];
/// Directories of this repository in which such a proof is.
const PLACES: &[&str] = &[".ci/", "checks/", "fixtures/", "packaging/", "src/", "tests/"];
const UNWANTED: &str = r"(?i)\b(whoever|somebody|nobody|whom|on paper)\b";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// The pages of `docs/` and the documents in the root.
pub fn documents() -> Vec<PathBuf> {
    let pages = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let in_root = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md"].map(|name| root().join(name));
    pages.filter(|path| path.extension().is_some_and(|extension| extension == "md")).chain(in_root).collect()
}

/// What these texts have in backticks and claim to be in this repository, but is not there.
fn absent(text: &str, code: &str) -> Vec<String> {
    let quoted = Regex::new("`([^`\n]+)`").unwrap();
    // A name of a test is a sentence; keys of the configuration are shorter, and metrics begin with the program.
    let test = Regex::new(r"^[a-z0-9]+(_[a-z0-9]+){3,}$").unwrap();
    let names = quoted.captures_iter(text).map(|found| found[1].to_owned());
    names
        .filter(|name| match PLACES.iter().any(|place| name.starts_with(place)) {
            true => !root().join(name).exists(),
            false => test.is_match(name) && !name.starts_with("pgwitness_") && !code.contains(&format!("fn {name}(")),
        })
        .collect()
}

fn code() -> String {
    ["src", "tests"]
        .iter()
        .flat_map(|dir| files(&root().join(dir)))
        .map(|path| fs::read_to_string(path).unwrap())
        .collect()
}

#[test]
fn every_test_and_file_that_a_document_gives_as_proof_exists() {
    let code = code();
    for name in WITH_PROOFS {
        let text = fs::read_to_string(root().join(name)).unwrap();
        assert_eq!(absent(&text, &code), Vec::<String>::new(), "{name}");
    }
    let wrong = "`tests/postgres/hostil.rs` and\n`a_test_that_is_not_there`, `src/lib.rs`, `report.keep_days`";
    assert_eq!(absent(wrong, &code), ["tests/postgres/hostil.rs", "a_test_that_is_not_there"]);
}

#[test]
fn every_page_of_the_documents_is_named_in_the_readme() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    for path in documents().iter().filter(|path| path.starts_with(root().join("docs"))) {
        let name = format!("docs/{}", path.file_name().unwrap().to_str().unwrap());
        assert!(readme.contains(&name), "README.md does not name {name}");
    }
}

#[test]
fn documents_have_plain_words() {
    let unwanted = Regex::new(UNWANTED).unwrap();
    for path in documents() {
        let text = fs::read_to_string(&path).unwrap();
        let found = unwanted.find(&text).map(|found| found.as_str().to_owned());
        assert_eq!(found, None, "{}", path.display());
    }
}

#[test]
fn examples_and_changelog_are_of_this_version() {
    let version = env!("CARGO_PKG_VERSION");
    let image = Regex::new("pgwitness:([0-9][0-9.]*)").unwrap();
    let mut images = 0;
    for entry in fs::read_dir(root().join("src/config/examples")).unwrap() {
        let path = entry.unwrap().path();
        for found in image.captures_iter(&fs::read_to_string(&path).unwrap()) {
            assert_eq!(&found[1], version, "{}", path.display());
            images += 1;
        }
    }
    assert!(images > 0);
    let changelog = fs::read_to_string(root().join("CHANGELOG.md")).unwrap();
    let newest = changelog.lines().find(|line| line.starts_with("## ") && *line != "## Unreleased").unwrap();
    assert!(newest.starts_with(&format!("## {version} (")), "{newest}");
}
