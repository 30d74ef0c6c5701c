//! A time stamping authority: keys, certificates and answers of the real `openssl`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use tempfile::TempDir;

use super::packages::{require, which};
use super::web_server::Responder;

/// The key of an authority, and how it signs.
#[derive(Debug, Clone, Copy)]
pub struct AuthorityKind {
    pub key: &'static [&'static str],
    pub digest: &'static str,
    /// The hash in which it names its certificate.
    pub ess: &'static str,
    pub has_intermediate: bool,
}

const RSA: &[&str] = &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"];
const P256: &[&str] = &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
const P384: &[&str] = &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"];
const P521: &[&str] = &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"];

impl AuthorityKind {
    pub const RSA: Self = Self { key: RSA, digest: "sha256", ess: "sha256", has_intermediate: false };
    pub const EC: Self = Self { key: P256, digest: "sha256", ess: "sha256", has_intermediate: true };
    pub const ALL: [Self; 7] = [
        Self::RSA,
        Self { digest: "sha512", ess: "sha1", has_intermediate: true, ..Self::RSA },
        Self::EC,
        Self { digest: "sha512", ess: "sha384", ..Self::EC },
        Self { key: P384, ess: "sha1", digest: "sha384", ..Self::EC },
        Self { key: P384, digest: "sha512", ..Self::EC },
        Self { key: P521, digest: "sha512", ..Self::EC },
    ];
}

/// What is wrong with the certificate of an authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    None,
    Expired,
    NotCritical,
    ForServers,
    TwoPurposes,
    SignsCertificates,
}

pub struct TimestampServer {
    dir: TempDir,
}

fn program() -> Command {
    Command::new(require("openssl", &["openssl"], || which(&["openssl"])))
}

pub fn openssl(dir: &Path, arguments: &[&str]) -> Output {
    let output = program().args(arguments).current_dir(dir).output().unwrap();
    assert!(output.status.success(), "openssl {arguments:?}: {output:?}");
    output
}

impl TimestampServer {
    pub fn new(kind: AuthorityKind) -> Self {
        Self::with_flaw(kind, Flaw::None)
    }

    pub fn with_flaw(kind: AuthorityKind, flaw: Flaw) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path();
        fs::write(at.join("ca.conf"), CA).unwrap();
        for name in ["index", "openssl.conf"] {
            fs::write(at.join(name), "").unwrap();
        }
        for (file, text) in [("crt", "1000"), ("serial", "2000")] {
            fs::write(at.join(file), text).unwrap();
        }
        key(at, "root", kind.key);
        let subject = ["-subj", "/O=Test/CN=Root", "-days", "3650", "-addext", "basicConstraints=critical,CA:TRUE"];
        let request = [&["req", "-x509", "-new", "-key", "root.key", "-out", "root.pem"][..], &subject].concat();
        openssl(at, &request);
        let mut issuer = "root";
        if kind.has_intermediate {
            certify(at, "middle", kind.key, (issuer, "intermediate", VALID));
            issuer = "middle";
        }
        let extensions = match flaw {
            Flaw::None | Flaw::Expired => "stamps",
            Flaw::NotCritical => "not_critical",
            Flaw::ForServers => "servers",
            Flaw::TwoPurposes => "two_purposes",
            Flaw::SignsCertificates => "signs_certificates",
        };
        let dates = if flaw == Flaw::Expired { PAST } else { VALID };
        certify(at, "tsa", kind.key, (issuer, extensions, dates));
        // openssl adds the certificate of the signer; authorities with it in their chain send it twice.
        let chain = [("tsa.pem", kind.ess == "sha1"), ("middle.pem", kind.has_intermediate)];
        let chain = chain.into_iter().filter(|(_, is_sent)| *is_sent);
        let chain: String = chain.map(|(name, _)| fs::read_to_string(at.join(name)).unwrap()).collect();
        let certs = if chain.is_empty() { "" } else { "certs = chain.pem" };
        fs::write(at.join("chain.pem"), chain).unwrap();
        let config = TSA.replace("DIGEST", kind.digest).replace("ESS", kind.ess).replace("CERTS", certs);
        fs::write(at.join("tsa.conf"), config).unwrap();
        Self { dir }
    }

    /// The certificate of the root.
    pub fn root(&self) -> PathBuf {
        self.path("root.pem")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The answer to a request (`TimeStampReq`).
    pub fn answer(&self, request: &[u8]) -> Vec<u8> {
        reply(self.dir.path(), request)
    }

    /// The answer to a request over these bytes.
    pub fn stamp(&self, data: &[u8]) -> Vec<u8> {
        self.answer(&request(data))
    }

    /// For a web server.
    pub fn responder(&self) -> Responder {
        let dir = self.dir.path().to_owned();
        Arc::new(move |request| reply(&dir, request))
    }

    /// An answer that openssl would not make, for its certificate is not one of an authority: the time stamp of another one, signed
    /// with the key of this one as CMS.
    pub fn sign_as_cms(&self, answer: &[u8]) -> Vec<u8> {
        self.sign_as_cms_with(answer, &["-cades"])
    }

    /// As [`Self::sign_as_cms`], with these options of `openssl cms`.
    pub fn sign_as_cms_with(&self, answer: &[u8], options: &[&str]) -> Vec<u8> {
        let at = self.dir.path();
        fs::write(at.join("answer"), answer).unwrap();
        openssl(at, &["ts", "-reply", "-in", "answer", "-token_out", "-out", "token"]);
        openssl(at, &["cms", "-verify", "-noverify", "-inform", "DER", "-in", "token", "-out", "info"]);
        let sign = ["cms", "-sign", "-binary", "-nodetach", "-nosmimecap", "-md", "sha256", "-outform", "DER"];
        let signer = ["-econtent_type", "1.2.840.113549.1.9.16.1.4", "-signer", "tsa.pem", "-inkey", "tsa.key"];
        openssl(at, &[&sign[..], options, &signer, &["-in", "info", "-out", "token"]].concat());
        let token = fs::read(at.join("token")).unwrap();
        let status = [0x30, 0x03, 0x02, 0x01, 0x00];
        let length = u16::try_from(token.len() + status.len()).unwrap().to_be_bytes();
        [&[0x30, 0x82][..], &length, &status, &token].concat()
    }
}

impl TimestampServer {
    /// An answer in which the certificate of the signer was exchanged for another one, with the same key, issuer and serial number. Only
    /// for RSA, where both have the same length.
    pub fn exchange_certificate(&self, answer: &[u8]) -> Vec<u8> {
        let at = self.dir.path();
        let der = |name: &str| {
            openssl(at, &["x509", "-in", name, "-outform", "DER", "-out", "der"]);
            fs::read(at.join("der")).unwrap()
        };
        fs::write(at.join("index"), "").unwrap();
        fs::write(at.join("crt"), "1000").unwrap();
        let old = der("tsa.pem");
        fs::copy(at.join("tsa.csr"), at.join("again.csr")).unwrap();
        let by = ["ca", "-config", "ca.conf", "-batch", "-notext", "-keyfile", "root.key", "-cert", "root.pem"];
        let what = ["-in", "again.csr", "-out", "again.pem", "-extensions", "stamps"];
        openssl(at, &[&by[..], &what, &["-startdate", "20210101000000Z", "-enddate", "20991231000000Z"]].concat());
        let new = der("again.pem");
        assert_eq!(old.len(), new.len());
        let place = answer.windows(old.len()).position(|bytes| bytes == old).unwrap();
        [&answer[..place], &new, &answer[place + old.len()..]].concat()
    }
}

/// A request over these bytes, as openssl makes it.
pub fn request(data: &[u8]) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("data"), data).unwrap();
    openssl(dir.path(), &["ts", "-query", "-data", "data", "-sha256", "-cert", "-out", "request"]);
    fs::read(dir.path().join("request")).unwrap()
}

/// What `openssl ts -verify` says to an answer over these bytes.
pub fn openssl_accepts(answer: &[u8], data: &[u8], root: &Path) -> bool {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("data"), data).unwrap();
    fs::write(dir.path().join("answer"), answer).unwrap();
    let mut command = program();
    command.args(["ts", "-verify", "-data", "data", "-in", "answer", "-CAfile"]).arg(root).current_dir(dir.path());
    command.output().unwrap().status.success()
}

fn reply(dir: &Path, request: &[u8]) -> Vec<u8> {
    let own = tempfile::tempdir_in(dir).unwrap();
    let place = |name: &str| own.path().join(name).display().to_string();
    fs::write(place("request"), request).unwrap();
    // openssl counts in this file, and a test may ask twice at a time.
    fs::write(place("serial"), "2000").unwrap();
    let config = fs::read_to_string(dir.join("tsa.conf")).unwrap().replace("SERIAL", &place("serial"));
    fs::write(place("conf"), config).unwrap();
    let (conf, query, out) = (place("conf"), place("request"), place("answer"));
    openssl(dir, &["ts", "-reply", "-config", &conf, "-queryfile", &query, "-out", &out]);
    fs::read(out).unwrap()
}

fn key(dir: &Path, name: &str, kind: &[&str]) {
    let file = format!("{name}.key");
    openssl(dir, &[&["genpkey", "-out", &file][..], kind].concat());
}

const VALID: [&str; 2] = ["20200101000000Z", "20991231000000Z"];
const PAST: [&str; 2] = ["20200101000000Z", "20200201000000Z"];

fn certify(dir: &Path, name: &str, kind: &[&str], (issuer, extensions, [from, until]): (&str, &str, [&str; 2])) {
    key(dir, name, kind);
    let [own_key, request, certificate] = ["key", "csr", "pem"].map(|end| format!("{name}.{end}"));
    let subject = format!("/O=Test/CN={name}");
    openssl(dir, &["req", "-new", "-key", &own_key, "-subj", &subject, "-out", &request]);
    let [issuer_key, issuer] = ["key", "pem"].map(|end| format!("{issuer}.{end}"));
    let by = ["ca", "-config", "ca.conf", "-batch", "-notext", "-keyfile", &issuer_key, "-cert", &issuer];
    let what =
        ["-in", &request, "-out", &certificate, "-extensions", extensions, "-startdate", from, "-enddate", until];
    openssl(dir, &[&by[..], &what].concat());
}

const CA: &str = "
[ca]
default_ca = own
[own]
database = index
serial = crt
new_certs_dir = .
default_md = sha256
policy = any
unique_subject = no
[any]
organizationName = optional
commonName = supplied
[intermediate]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign
[stamps]
basicConstraints = CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
[not_critical]
extendedKeyUsage = timeStamping
[servers]
extendedKeyUsage = critical,serverAuth
[two_purposes]
extendedKeyUsage = critical,timeStamping,serverAuth
[signs_certificates]
keyUsage = critical,digitalSignature,keyCertSign
extendedKeyUsage = critical,timeStamping
";

const TSA: &str = "
[tsa]
default_tsa = own
[own]
serial = SERIAL
signer_cert = tsa.pem
CERTS
signer_key = tsa.key
signer_digest = DIGEST
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
accuracy = secs:1, millisecs:500
clock_precision_digits = 3
tsa_name = yes
ess_cert_id_chain = no
ess_cert_id_alg = ESS
";
