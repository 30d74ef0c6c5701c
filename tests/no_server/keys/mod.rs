//! Keys of every kind that people have: what we sign ssh-keygen accepts, and the other way round.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod agents;
mod generated;
mod security_keys;

use std::fs;
use std::path::{Path, PathBuf};

use pgwitness::storage::reports::{KeyFile, SignatureCheck, read_key, verify};
use pgwitness::storage::signature::{self, NAMESPACE};
use pgwitness::storage::signers::AllowedSigners;

use crate::small_report::{IDENTITY, night, ssh_keygen, write_report};

/// Options of ssh-keygen for each kind of key on disk.
const KINDS: [&[&str]; 6] = [
    &["-t", "ed25519"],
    &["-t", "ecdsa", "-b", "256"],
    &["-t", "ecdsa", "-b", "384"],
    &["-t", "ecdsa", "-b", "521"],
    &["-t", "rsa", "-b", "2048"],
    &["-t", "rsa", "-b", "3072"],
];

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A private key made by ssh-keygen.
fn make(dir: &Path, kind: &[&str], passphrase: &str) -> PathBuf {
    let path = dir.join(kind.concat().replace('-', "_"));
    let options = [&["-q", "-C", IDENTITY, "-N", passphrase, "-f", text(&path)], kind].concat();
    let made = ssh_keygen(&options, Path::new("/dev/null"));
    assert!(made.status.success(), "{made:?}");
    path
}

fn file(path: &Path) -> KeyFile {
    KeyFile { path: path.to_owned(), passphrase: None }
}

/// Whether ssh-keygen accepts this signature over the bytes of a file.
fn ssh_keygen_accepts(dir: &Path, namespace: &str, line: &str, signature: &str, data: &Path) -> bool {
    let (signers, armored) = (dir.join("signers"), dir.join("signature"));
    fs::write(&signers, line).unwrap();
    fs::write(&armored, signature).unwrap();
    let options = ["-Y", "verify", "-f", text(&signers), "-I", IDENTITY, "-n", namespace, "-s", text(&armored)];
    ssh_keygen(&options, data).status.success()
}

#[test]
fn our_signature_with_every_kind_of_key_is_one_of_ssh_keygen() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    fs::write(&data, "a report").unwrap();
    for kind in KINDS {
        let key = read_key(&file(&make(dir.path(), kind, ""))).unwrap();
        let armored = signature::sign(&key, b"a report").unwrap();
        let line = signature::allowed_signers_line(IDENTITY, key.public_key()).unwrap();
        assert!(ssh_keygen_accepts(dir.path(), NAMESPACE, &line, &armored, &data), "{kind:?}");
        assert!(!ssh_keygen_accepts(dir.path(), "other", &line, &armored, &data), "{kind:?}");
        let signer = signature::signer(b"a report", &armored).unwrap();
        AllowedSigners::parse(&line).unwrap().principal(&signer, Some(IDENTITY), night()).unwrap();
        let error = signature::signer(b"a retort", &armored).unwrap_err().to_string();
        assert_eq!(error, "the signature does not belong to these bytes", "{kind:?}");
    }
}

/// Of 60 keys over P-521, about half have a number that begins with zeros.
#[test]
fn a_key_whose_number_begins_with_zeros_signs_too() {
    let dir = tempfile::tempdir().unwrap();
    for number in 0..60 {
        let own = dir.path().join(number.to_string());
        fs::create_dir(&own).unwrap();
        let path = make(&own, KINDS[3], "");
        let key = read_key(&file(&path)).unwrap();
        assert_eq!(key.comment(), IDENTITY);
        let shown = pgwitness::storage::reports::public_key_of(&path).unwrap();
        assert_eq!((shown.key_data(), shown.comment()), (key.public_key().key_data(), IDENTITY));
    }
}

#[test]
fn a_signature_of_ssh_keygen_with_every_kind_of_key_is_accepted() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    fs::write(&data, "a report").unwrap();
    for kind in KINDS {
        let key = make(dir.path(), kind, "");
        for hash in ["sha256", "sha512"] {
            let options = ["-Y", "sign", "-O", &format!("hashalg={hash}"), "-f", text(&key), "-n", NAMESPACE];
            let signed = ssh_keygen(&options, &data);
            let armored = String::from_utf8(signed.stdout).unwrap();
            signature::signer(b"a report", &armored).unwrap_or_else(|error| panic!("{kind:?} {hash}: {error}"));
        }
    }
}

#[test]
fn every_single_changed_byte_of_a_signature_is_seen_whatever_the_key() {
    let dir = tempfile::tempdir().unwrap();
    for kind in KINDS {
        let key = read_key(&file(&make(dir.path(), kind, ""))).unwrap();
        let armored = signature::sign(&key, b"a report").unwrap();
        for position in 0..armored.len() {
            for flip in [1, 4, 32] {
                let mut bytes = armored.clone().into_bytes();
                bytes[position] ^= flip;
                let Ok(changed) = String::from_utf8(bytes) else { continue };
                assert!(signature::signer(b"a report", &changed).is_err(), "{kind:?}: byte {position} ^ {flip}");
            }
        }
        for changed in [format!("{armored}\n"), armored.replace('\n', "\r\n"), armored.trim_end().to_owned()] {
            signature::signer(b"a report", &changed).unwrap_err();
        }
    }
}

#[test]
fn a_report_that_any_of_these_keys_has_signed_is_verified() {
    for kind in [KINDS[2], KINDS[5]] {
        let dir = tempfile::tempdir().unwrap();
        let path = make(dir.path(), kind, "");
        let report = write_report(dir.path(), Some(&file(&path)), night());
        let public = fs::read_to_string(path.with_extension("pub")).unwrap();
        let signers = AllowedSigners::parse(&format!("{IDENTITY} {public}")).unwrap();
        let check = verify(&report, &signers, Some(IDENTITY), night()).unwrap();
        assert!(matches!(check, SignatureCheck::Good(_)), "{kind:?}: {check}");
    }
}

#[test]
fn an_rsa_key_that_is_too_short_neither_signs_nor_counts() {
    let dir = tempfile::tempdir().unwrap();
    let path = make(dir.path(), &["-t", "rsa", "-b", "1024"], "");
    let error = read_key(&file(&path)).unwrap_err().to_string();
    assert!(error.ends_with("an RSA key of 1024 bits; at least 2048 are needed"), "{error}");
    let data = dir.path().join("data");
    fs::write(&data, "a report").unwrap();
    let signed = ssh_keygen(&["-Y", "sign", "-f", text(&path), "-n", NAMESPACE], &data);
    let error = signature::signer(b"a report", &String::from_utf8(signed.stdout).unwrap()).unwrap_err().to_string();
    assert!(error.ends_with("an RSA key of 1024 bits; at least 2048 are needed"), "{error}");
}

#[test]
fn an_encrypted_key_signs_with_its_passphrase_and_never_waits_for_one() {
    let dir = tempfile::tempdir().unwrap();
    let with = |path: &Path, passphrase: Option<&str>| {
        read_key(&KeyFile { path: path.to_owned(), passphrase: passphrase.map(str::to_owned) })
    };
    let ecdsa = make(dir.path(), &["-t", "ecdsa"], "open sesame");
    let armored = signature::sign(&with(&ecdsa, Some("open sesame")).unwrap(), b"a report").unwrap();
    signature::signer(b"a report", &armored).unwrap();
    assert!(with(&ecdsa, None).unwrap_err().to_string().contains("encrypted"));
    assert!(with(&ecdsa, Some("open barley")).unwrap_err().to_string().ends_with("wrong passphrase"));
    let rsa = make(dir.path(), &["-t", "rsa"], "open sesame");
    for passphrase in [None, Some("open sesame")] {
        let error = with(&rsa, passphrase).unwrap_err();
        let expected = "ssh-keygen signs with a key of type ssh-rsa, and asks for its passphrase";
        assert!(error.to_string().ends_with(expected), "{error}");
        assert!(error.hint_text().unwrap().contains("ssh-add the key and give its .pub file"), "{error:?}");
    }
}
