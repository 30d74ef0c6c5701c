//! Security keys, without a device: an agent of our own has the key, and the real ssh-keygen signs through it.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use p256::ecdsa::signature::Signer as _;
use pgwitness::storage::reports::read_key;
use sha2::{Digest as _, Sha256};
use ssh_key::private::Ed25519Keypair;

use super::agents::{Desk, said};
use super::{file, ssh_keygen_accepts};
use crate::small_report::IDENTITY;

const APPLICATION: &str = "ssh:";
const PRESENT: u8 = 1;

#[derive(Clone)]
enum SoftKey {
    Ed25519(Box<Ed25519Keypair>),
    Ecdsa(Box<p256::ecdsa::SigningKey>),
}

impl SoftKey {
    fn all() -> [Self; 2] {
        let ecdsa = p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap();
        [Self::Ed25519(Box::new(Ed25519Keypair::from_seed(&[7; 32]))), Self::Ecdsa(Box::new(ecdsa))]
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Ed25519(_) => "sk-ssh-ed25519@openssh.com",
            Self::Ecdsa(_) => "sk-ecdsa-sha2-nistp256@openssh.com",
        }
    }

    fn public(&self) -> Vec<u8> {
        let mut blob = string(self.kind().as_bytes());
        match self {
            Self::Ed25519(key) => blob.extend(string(key.public.as_ref())),
            Self::Ecdsa(key) => {
                blob.extend(string(b"nistp256"));
                blob.extend(string(key.verifying_key().to_encoded_point(false).as_bytes()));
            }
        }
        blob.extend(string(APPLICATION.as_bytes()));
        blob
    }

    fn sign(&self, data: &[u8], flags: u8) -> Vec<u8> {
        let counter = 5_u32.to_be_bytes();
        let message = [&Sha256::digest(APPLICATION)[..], &[flags], &counter, &Sha256::digest(data)].concat();
        let raw = match self {
            Self::Ed25519(key) => {
                let signature: ssh_key::Signature = key.as_ref().try_sign(&message).unwrap();
                signature.as_bytes().to_vec()
            }
            Self::Ecdsa(key) => {
                let signature: p256::ecdsa::Signature = key.sign(&message);
                let (r, s) = signature.split_bytes();
                [integer(&r), integer(&s)].concat()
            }
        };
        [&string(self.kind().as_bytes())[..], &string(&raw), &[flags], &counter].concat()
    }
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

fn integer(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap();
    let bytes = &bytes[start..];
    if bytes[0] >= 0x80 { string(&[&[0], bytes].concat()) } else { string(bytes) }
}

/// Speaks the agent protocol (draft-miller-ssh-agent): lists its one key, and signs.
fn serve(mut stream: UnixStream, key: &SoftKey, flags: u8) -> std::io::Result<()> {
    loop {
        let mut length = [0; 4];
        stream.read_exact(&mut length)?;
        let mut request = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap()];
        stream.read_exact(&mut request)?;
        let answer = match request[0] {
            11 => [&[12][..], &1_u32.to_be_bytes(), &string(&key.public()), &string(b"soft")].concat(),
            13 => {
                let blob = usize::try_from(u32::from_be_bytes(request[1..5].try_into().unwrap())).unwrap();
                let data = &request[5 + blob + 4..request.len() - 4];
                [&[14][..], &string(&key.sign(data, flags))].concat()
            }
            _ => vec![5],
        };
        stream.write_all(&string(&answer))?;
    }
}

/// The socket of an agent with this key.
fn agent(dir: &Path, key: &SoftKey, flags: u8) -> PathBuf {
    let socket = dir.join(format!("soft-{flags}-{}", &key.kind()[..6]));
    let listener = UnixListener::bind(&socket).unwrap();
    let key = key.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            serve(stream.unwrap(), &key, flags).ok();
        }
    });
    socket
}

fn public_file(dir: &Path, key: &SoftKey) -> PathBuf {
    let path = dir.join(format!("{}.pub", key.kind()));
    fs::write(&path, format!("{} {} {IDENTITY}\n", key.kind(), BASE64.encode(key.public()))).unwrap();
    path
}

#[test]
fn a_security_key_acknowledges_a_report_and_ssh_keygen_accepts_it() {
    for key in SoftKey::all() {
        let desk = Desk::new();
        let socket = agent(desk.dir.path(), &key, PRESENT);
        let output = desk.acknowledge(&public_file(desk.dir.path(), &key), Some(&socket));
        assert!(output.status.success(), "{}: {}", key.kind(), said(&output));
        let line = said(&output).lines().find(|line| line.starts_with(IDENTITY)).unwrap().to_owned() + "\n";
        let (review, armored) = desk.review();
        assert!(ssh_keygen_accepts(desk.dir.path(), "pgwitness-review", &line, &armored, &review), "{}", key.kind());
        let bytes = fs::read(&review).unwrap();
        let namespace = pgwitness::storage::signature::REVIEW_NAMESPACE;
        for position in 0..armored.len() {
            let mut changed = armored.clone().into_bytes();
            changed[position] ^= 1;
            let changed = String::from_utf8(changed).unwrap();
            let accepted = pgwitness::storage::signature::signer_for(namespace, &bytes, &changed);
            assert!(accepted.is_err(), "{}: byte {position}", key.kind());
        }
    }
}

#[test]
fn a_signature_of_a_security_key_without_a_touch_does_not_count() {
    for key in SoftKey::all() {
        let desk = Desk::new();
        let socket = agent(desk.dir.path(), &key, 0);
        let output = desk.acknowledge(&public_file(desk.dir.path(), &key), Some(&socket));
        let said = said(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("the security key has signed without a touch"), "{said}");
        assert!(!desk.report.join("reviews").exists());
    }
}

#[test]
fn a_run_refuses_a_security_key_before_its_work() {
    let dir = tempfile::tempdir().unwrap();
    for key in SoftKey::all() {
        let error = read_key(&file(&public_file(dir.path(), &key))).unwrap_err();
        let expected = "a security key signs only when it is touched, and this is unattended";
        assert!(error.to_string().ends_with(expected), "{error}");
    }
}
