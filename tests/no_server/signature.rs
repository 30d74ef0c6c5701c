//! Signatures: ours and ssh-keygen's are the same thing, and nothing can be changed unseen.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::small_report::{IDENTITY, allowed, at, make_key, night, ssh_keygen, write_report};
use pgwitness::model::finding::Finding;
use pgwitness::storage::reports::{KeyFile, SignatureCheck, keygen, load_manifest, read_key, verify};
use pgwitness::storage::signature::{self, NAMESPACE};
use pgwitness::storage::signers::AllowedSigners;
use proptest::prelude::*;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn is_good(path: &Path, signers: &AllowedSigners) -> bool {
    matches!(verify(path, signers, Some(IDENTITY), night()), Ok(SignatureCheck::Good(_)))
}

#[test]
fn ssh_keygen_accepts_our_signature_with_the_line_that_keygen_gives() {
    let dir = tempfile::tempdir().unwrap();
    let (key, generated) = make_key(dir.path());
    let report = write_report(dir.path(), Some(&key), night());
    let signers = dir.path().join("allowed_signers");
    fs::write(&signers, &generated.allowed_signers_line).unwrap();
    let signature = report.join("report.json.sig");
    let arguments = ["-Y", "verify", "-f", text(&signers), "-I", IDENTITY, "-n", NAMESPACE, "-s", text(&signature)];
    let output = ssh_keygen(&arguments, &report.join("report.json"));
    assert!(output.status.success(), "{output:?}");
    let output = ssh_keygen(&arguments, &report.join("actual.manifest.json"));
    assert!(!output.status.success(), "{output:?}");
}

/// A report signed by ssh-keygen with a key made by ssh-keygen.
fn sign_with_ssh_keygen(dir: &Path, namespace: &str) -> (PathBuf, AllowedSigners) {
    let key = dir.join("theirs");
    let made = ssh_keygen(&["-q", "-t", "ed25519", "-N", "", "-C", "theirs", "-f", text(&key)], Path::new("/dev/null"));
    assert!(made.status.success(), "{made:?}");
    let report = write_report(dir, None, night()).join("report.json");
    let signed = ssh_keygen(&["-Y", "sign", "-f", text(&key), "-n", namespace], &report);
    assert!(signed.status.success(), "{signed:?}");
    fs::write(report.with_file_name("report.json.sig"), signed.stdout).unwrap();
    let public = fs::read_to_string(dir.join("theirs.pub")).unwrap();
    (report, AllowedSigners::parse(&format!("{IDENTITY} {public}")).unwrap())
}

#[test]
fn we_accept_a_signature_of_ssh_keygen() {
    let dir = tempfile::tempdir().unwrap();
    let (report, signers) = sign_with_ssh_keygen(dir.path(), NAMESPACE);
    let check = verify(&report, &signers, Some(IDENTITY), night()).unwrap();
    assert_eq!((check.to_string().as_str(), check.exit_code()), ("good signature of backup@example.com", 0));
}

#[test]
fn a_signature_of_ssh_keygen_for_another_namespace_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (report, signers) = sign_with_ssh_keygen(dir.path(), "file");
    let check = verify(&report, &signers, Some(IDENTITY), night()).unwrap();
    assert!(matches!(&check, SignatureCheck::BadSignature(reason) if reason.contains("\"file\"")), "{check}");
    assert_eq!(check.exit_code(), 2);
}

#[test]
fn an_encrypted_key_of_ssh_keygen_signs_with_its_passphrase_only() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    let made = ssh_keygen(&["-q", "-t", "ed25519", "-N", "secret", "-f", text(&path)], Path::new("/dev/null"));
    assert!(made.status.success(), "{made:?}");
    let with = |passphrase: Option<&str>| KeyFile { path: path.clone(), passphrase: passphrase.map(str::to_owned) };
    let key = read_key(&with(Some("secret"))).unwrap();
    signature::signer(b"x", &signature::sign(&key, b"x").unwrap()).unwrap();
    assert!(read_key(&with(None)).unwrap_err().to_string().contains("encrypted"));
    assert!(read_key(&with(Some("wrong"))).unwrap_err().to_string().ends_with("wrong passphrase"));
    assert!(!format!("{:?}", with(Some("secret"))).contains("secret"));
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (key, _) = make_key(dir.path());
    for (mode, is_fit) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false), (0o700, false), (0o644, false)]
    {
        fs::set_permissions(&key.path, fs::Permissions::from_mode(mode)).unwrap();
        match read_key(&key) {
            Ok(_) => assert!(is_fit, "{mode:o}"),
            Err(error) => assert!(!is_fit && error.to_string().contains("wider than 0600"), "{mode:o}: {error}"),
        }
    }
}

#[test]
fn keygen_never_overwrites_and_makes_a_private_file() {
    let dir = tempfile::tempdir().unwrap();
    let (key, generated) = make_key(dir.path());
    assert_eq!(fs::metadata(&key.path).unwrap().permissions().mode() & 0o777, 0o600);
    let before = fs::read(&key.path).unwrap();
    keygen(&key.path, IDENTITY).unwrap_err();
    assert_eq!(fs::read(&key.path).unwrap(), before);
    fs::remove_file(&key.path).unwrap();
    keygen(&key.path, IDENTITY).unwrap_err();
    assert!(!key.path.exists(), "a private key without its public key was left behind");
    assert!(generated.public.exists());
}

#[test]
fn a_signer_counts_only_in_his_time_and_under_his_name() {
    let dir = tempfile::tempdir().unwrap();
    let (key, generated) = make_key(dir.path());
    let report = write_report(dir.path(), Some(&key), night());
    let line = generated.allowed_signers_line.replace("namespaces=", "valid-before=\"20260616Z\",namespaces=");
    let signers = AllowedSigners::parse(&line).unwrap();
    assert!(is_good(&report, &signers));
    let late = verify(&report, &signers, Some(IDENTITY), at("2026-06-16T00:00:01Z")).unwrap();
    assert!(matches!(&late, SignatureCheck::UnknownSigner(reason) if reason.contains("until 2026-06-16")), "{late}");
    let other = verify(&report, &signers, Some("someone@example.com"), night()).unwrap();
    assert!(matches!(&other, SignatureCheck::UnknownSigner(_)), "{other}");
    let nobody = verify(&report, &AllowedSigners::default(), None, night()).unwrap();
    assert!(matches!(&nobody, SignatureCheck::UnknownSigner(reason) if reason.contains("unknown signer")), "{nobody}");
    assert_eq!([late.exit_code(), other.exit_code(), nobody.exit_code()], [2; 3]);
}

#[test]
fn a_report_without_a_signature_proves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (_, generated) = make_key(dir.path());
    let report = write_report(dir.path(), None, night());
    let check = verify(&report, &allowed(&generated), None, night()).unwrap();
    assert_eq!((check.to_string().as_str(), check.exit_code()), ("not signed", 2));
}

#[test]
fn a_side_file_that_is_gone_or_longer_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let (key, generated) = make_key(dir.path());
    let report = write_report(dir.path(), Some(&key), night());
    let side = report.join("actual.manifest.json");
    let mut bytes = fs::read(&side).unwrap();
    bytes.push(b'\n');
    fs::write(&side, bytes).unwrap();
    let check = verify(&report, &allowed(&generated), None, night()).unwrap();
    assert_eq!(check.to_string(), "side files changed: actual.manifest.json is not the file that was signed for");
    fs::remove_file(&side).unwrap();
    let check = verify(&report, &allowed(&generated), None, night()).unwrap();
    assert_eq!(check.exit_code(), 2);
}

#[test]
fn any_flipped_bit_of_report_signature_or_side_file_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let (key, generated) = make_key(dir.path());
    let report = write_report(dir.path(), Some(&key), night());
    let signers = allowed(&generated);
    assert!(is_good(&report, &signers));
    let names =
        prop::sample::select(vec!["report.json", "report.json.sig", "expected.manifest.json", "actual.manifest.json"]);
    proptest!(ProptestConfig::with_cases(600), |(name in names, position: prop::sample::Index, bit in 0u8..8)| {
        let path = report.join(name);
        let good = fs::read(&path).unwrap();
        let mut bad = good.clone();
        bad[position.index(good.len())] ^= 1u8 << bit;
        fs::write(&path, bad).unwrap();
        let is_unseen = is_good(&report, &signers);
        fs::write(&path, good).unwrap();
        prop_assert!(!is_unseen);
    });
    assert!(is_good(&report, &signers));
}

fn frozen(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/reports").join(name)
}

/// Never write these files again: they stand for stored reports of users. (Their private key is gone.)
#[test]
fn the_frozen_report_of_format_1_is_verified_and_read_for_ever() {
    let dir = frozen("format-1");
    let signers = AllowedSigners::parse(&fs::read_to_string(dir.join("allowed_signers")).unwrap()).unwrap();
    let check = verify(&dir, &signers, Some(IDENTITY), night()).unwrap();
    let SignatureCheck::Good(verified) = check else { panic!("{check}") };
    let report = verified.report;
    let verdict_line = "damaged: 3 findings, 1 unchecked \
                        (rows, sequences, large objects, schema, foreign keys, assertions)";
    assert_eq!(report.verdict_line, verdict_line);
    let kinds = |findings: &[Finding]| findings.iter().map(ToString::to_string).collect::<Vec<_>>();
    let expected_kinds =
        ["row_content shop.orders", "sequence_value shop.orders_id_seq", "foreign_key shop.orders orders_member_fkey"];
    assert_eq!(kinds(&report.findings), expected_kinds);
    assert_eq!(report.to_bytes().unwrap(), fs::read(dir.join("report.json")).unwrap());
    let [expected, actual] =
        ["expected", "actual"].map(|side| load_manifest(&dir.join(format!("{side}.manifest.json"))).unwrap());
    let again = pgwitness::compare::compare(&expected, &actual, &Default::default());
    assert_eq!(kinds(&again.findings), expected_kinds);
    assert_eq!(again.tables, report.tables);
    let signers = dir.join("allowed_signers");
    let signature = dir.join("report.json.sig");
    let arguments = ["-Y", "verify", "-f", text(&signers), "-I", IDENTITY, "-n", NAMESPACE, "-s", text(&signature)];
    assert!(ssh_keygen(&arguments, &dir.join("report.json")).status.success());
}
