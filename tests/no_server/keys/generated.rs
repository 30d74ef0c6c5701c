//! `keygen --type` and `keygen --show`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;

use pgwitness::storage::reports::read_key;
use pgwitness::storage::signature;

use super::agents::said;
use super::{file, make};
use crate::small_report::IDENTITY;
use crate::support::pgwitness;

fn keygen(path: &Path, options: &[&str]) -> Output {
    pgwitness().arg("keygen").arg(path).args(options).output().unwrap()
}

#[test]
fn keygen_makes_keys_of_every_type_that_sign_and_replaces_none() {
    let dir = tempfile::tempdir().unwrap();
    for kind in ["ed25519", "ecdsa", "rsa"] {
        let path = dir.path().join(kind);
        let options = ["--type", kind, "--identity", IDENTITY];
        let output = keygen(&path, &options);
        assert!(output.status.success(), "{}", said(&output));
        assert!(said(&output).contains(&format!("{IDENTITY} namespaces=\"pgwitness-report\" ")), "{}", said(&output));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let key = read_key(&file(&path)).unwrap();
        signature::signer(b"x", &signature::sign(&key, b"x").unwrap()).unwrap();
        let before = fs::read(&path).unwrap();
        assert_eq!(keygen(&path, &options).status.code(), Some(2));
        fs::remove_file(&path).unwrap();
        assert_eq!(keygen(&path, &options).status.code(), Some(2), "the public key is there");
        assert!(!path.exists() && !before.is_empty());
    }
}

#[test]
fn a_security_key_without_its_device_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    let output = keygen(&path, &["--type", "ed25519-sk"]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("ssh-keygen made no key") && !path.exists(), "{}", said(&output));
}

#[test]
fn the_line_of_a_key_that_exists_is_printed() {
    let dir = tempfile::tempdir().unwrap();
    let path = make(dir.path(), &["-t", "ecdsa"], "open sesame");
    let public = path.with_extension("pub");
    for place in [&path, &public] {
        let output = keygen(place, &["--show"]);
        let line = String::from_utf8(output.stdout).unwrap();
        let start = format!("{IDENTITY} namespaces=\"pgwitness-report\" ecdsa-sha2-nistp256 AAAA");
        assert!(line.starts_with(&start) && line.lines().count() == 1, "{line}");
    }
    let output = keygen(&public, &["--show", "--identity", "dora@example.org"]);
    assert!(said(&output).starts_with("dora@example.org "), "{}", said(&output));
    let output = keygen(&dir.path().join("absent"), &["--show"]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
}
