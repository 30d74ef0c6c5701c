//! A throw-away server for these tests alone: scram over TCP, TLS with a fresh authority, trust on its socket.
//!
//! Never the suite's cluster module: swap it in here when both are on one branch.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

/// The user `nobody`, which every system has: PostgreSQL refuses to run as root.
const NOBODY: u32 = 65534;

pub struct Server {
    pub directory: TempDir,
    pub port: u16,
}

pub const PASSWORD: &str = r"p:w\d";

impl Server {
    pub fn start(has_tls: bool) -> Server {
        let directory = tempfile::Builder::new().prefix("pgw-conn-").tempdir_in("/tmp").unwrap();
        let server = Server { port: free_port(), directory };
        fs::set_permissions(server.directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let data = server.path("data");
        fs::create_dir(&data).unwrap();
        give(&data, 0o700);
        fs::write(server.path("pw"), format!("{PASSWORD}\n")).unwrap();
        let pw = server.path("pw");
        give(&pw, 0o600);
        server.run("initdb", &["-U", "app", "-A", "trust", "--no-sync", "--pwfile", pw.to_str().unwrap()]);
        let hba = "local all all trust\nhostssl all plain all reject\nhostnossl all tls all reject\n\
                   host refused all all reject\nhost all all all scram-sha-256\n";
        fs::write(data.join("pg_hba.conf"), hba).unwrap();
        let mut settings = format!(
            "port={}\nlisten_addresses='127.0.0.1'\nunix_socket_directories='{}'\nfsync=off\n",
            server.port,
            data.display()
        );
        if has_tls {
            server.make_certificates();
            settings.push_str("ssl=on\nssl_cert_file='server.crt'\nssl_key_file='server.key'\n");
        }
        fs::write(data.join("postgresql.auto.conf"), settings).unwrap();
        let log = data.join("log");
        server.run("pg_ctl", &["-w", "-t", "60", "-l", log.to_str().unwrap(), "start"]);
        server
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Socket directory.
    pub fn socket(&self) -> String {
        self.path("data").to_str().unwrap().to_owned()
    }

    /// A `.pgpass` that answers for this server.
    pub fn passfile(&self, password: &str) -> String {
        let path = self.path(&format!("pgpass-{}", password.len()));
        let escaped = password.replace('\\', "\\\\").replace(':', "\\:");
        fs::write(&path, format!("*:{}:*:*:{escaped}\n", self.port)).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"]).arg(bin(program));
        let done = command.arg("-D").arg(self.path("data")).args(arguments).current_dir("/tmp");
        // A pipe would stay open in the server: files.
        let output = fs::File::create(self.path("out")).unwrap();
        let status = done.stdout(output.try_clone().unwrap()).stderr(output).status().unwrap();
        assert!(status.success(), "{program}: {}", fs::read_to_string(self.path("out")).unwrap());
    }

    /// An authority, a server certificate for `db.example` and 127.0.0.1, and another authority that signed nothing.
    fn make_certificates(&self) {
        let (authority, authority_key) = authority("ours");
        fs::write(self.path("root.crt"), authority.self_signed(&authority_key).unwrap().pem()).unwrap();
        let (other, other_key) = self::authority("other");
        fs::write(self.path("other.crt"), other.self_signed(&other_key).unwrap().pem()).unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["db.example".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "db.example");
        let certificate = params.signed_by(&key, &Issuer::new(authority, authority_key)).unwrap();
        self.install(&certificate.pem(), &key.serialize_pem());
    }

    pub fn install(&self, certificate: &str, key: &str) {
        for (name, text) in [("server.crt", certificate), ("server.key", key)] {
            let path = self.path("data").join(name);
            fs::write(&path, text).unwrap();
            give(&path, 0o600);
        }
    }

    /// Returns when the server uses its new settings and certificates.
    pub fn reload(&self) {
        let (before, start) = (self.loaded_at(), Instant::now());
        self.run("pg_ctl", &["reload"]);
        while self.loaded_at() == before {
            assert!(start.elapsed() < Duration::from_secs(60), "the server has not reloaded");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn loaded_at(&self) -> Vec<u8> {
        let conninfo = format!("host={} port={} user=app dbname=postgres", self.socket(), self.port);
        let sql = "SELECT pg_conf_load_time()";
        let output = Command::new(bin("psql")).args(["-X", "-A", "-t", "-c", sql, "-d", &conninfo]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.run("pg_ctl", &["-m", "immediate", "stop"]);
    }
}

pub fn authority(name: &str) -> (CertificateParams, KeyPair) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    (params, KeyPair::generate().unwrap())
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn give(path: &Path, mode: u32) {
    chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A server program: PATH, then Debian's place, newest first.
fn bin(program: &str) -> PathBuf {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let mut debian: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .collect();
    debian.sort();
    places.extend(debian.into_iter().rev());
    places.into_iter().map(|place| place.join(program)).find(|path| path.exists()).expect("no PostgreSQL server found")
}
