//! What libpq would do with a connection string: URI or `keyword=value`, service file, environment, password file.
//!
//! tokio-postgres knows none of the last three and refuses `sslmode=verify-full`, so we resolve everything here and hand
//! it, and the pg_dump we start, the same finished answer. Passwords are not printed and not in an argument list.
//!
//! Where we differ from libpq, on purpose: an `sslrootcert` that is named but missing is always an error (never a quiet
//! step down to an unverified peer); `connect_timeout` is 30 s unless given; a setting we cannot honour and that guards
//! something (`require_auth`, `requirepeer`, `gssencmode=require` ...) is refused rather than ignored;
//! `target_session_attrs` looks only at primary or standby, since our own sessions are read only anyway;
//! certificates must carry the host in subjectAltName (common names are not read).

mod check;
mod child;
mod connect;
mod first;
mod hosts;
mod keywords;
mod login;
mod on_thread;
mod parse;
mod passfile;
mod service;
mod socket;
mod summary;
mod settings;
mod problems;
mod uri;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

pub use child::ChildEnvironment;
pub use connect::{Connection, Peer};
pub use hosts::HostSpec;
pub use login::ServerLogin;
pub use parse::quote_value;
pub use summary::{ConnectionSummary, has_other_scheme, masked};
pub use uri::decode;

use crate::base::error::{Context, Error, Result};
use parse::Parameters;
use passfile::{Passfile, PassfileQuery};

/// Where servers commonly put their socket: Debian's and Red Hat's choice, then PostgreSQL's own.
const DEFAULT_SOCKET_DIRECTORIES: &[&str] = &["/var/run/postgresql", "/run/postgresql", "/tmp"];

/// Every variable of the environment that is read, in alphabetical order.
pub fn environment_variables() -> impl Iterator<Item = &'static str> {
    let variables = keywords::with_variable().map(|(_, variable)| variable);
    variables.chain(["PGREQUIRESSL", "PGSYSCONFDIR"]).collect::<std::collections::BTreeSet<_>>().into_iter()
}

/// Everything needed to connect, resolved: nothing is looked up later except names, certificates and keys.
#[derive(Clone)]
pub struct ConnInfo {
    params: Parameters,
    /// Where a parameter came from, in words: `the connection string`, `PGPASSWORD`, `service app (FILE)`.
    origins: BTreeMap<String, String>,
    passfile: Passfile,
    warnings: Vec<String>,
}

impl fmt::Debug for ConnInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.params.iter().map(|(k, v)| (k, if keywords::is_secret(k) { "********" } else { v }));
        f.debug_map().entries(shown).finish()
    }
}

/// Where the database comes from when none is named, as libpq has it.
const THE_USERS_NAME: &str = "the user's name";

impl ConnInfo {
    /// Reads a URI or `keyword=value` pairs, then fills in from the service, the environment and the defaults, in libpq's
    /// order. An unknown keyword, an invalid value, a missing service: an error. An unusable password file: a warning.
    pub fn resolve(text: &str, environment: &dyn Fn(&str) -> Option<String>) -> Result<ConnInfo> {
        let mut info = ConnInfo {
            params: parse::parse(text).doing(|| "read connection string")?,
            origins: BTreeMap::new(),
            passfile: Passfile::default(),
            warnings: Vec::new(),
        };
        info.mark_origin("the connection string");
        let home = service::path(environment("HOME").as_deref());
        info.fill_from_service(home.as_deref(), environment)?;
        info.fill_from_environment(environment);
        info.fill_defaults(home.as_deref())?;
        info.read_passfile(home.as_deref());
        check::check(&info.params).and_then(|()| hosts::hosts(&info.params)).doing(|| "read connection settings")?;
        Ok(info)
    }

    /// Whether an endpoint argument is meant as a connection string: a URI, or `keyword=value` with a keyword of libpq.
    pub fn is_connection_string(text: &str) -> bool {
        parse::is_connection_string(text)
    }

    /// The database.
    pub fn dbname(&self) -> &str {
        self.get("dbname").unwrap_or_default()
    }

    /// Whether the database was named, and is not the user's name for want of one.
    pub fn names_database(&self) -> bool {
        self.origins.get("dbname").is_some_and(|origin| origin != THE_USERS_NAME)
    }

    /// The user to log in as.
    pub fn user(&self) -> &str {
        self.get("user").unwrap_or_default()
    }

    /// The hosts to try, in order.
    pub fn hosts(&self) -> Vec<HostSpec> {
        // Checked by `resolve`; nothing since could have made it invalid.
        hosts::hosts(&self.params).unwrap_or_default()
    }

    /// The value of a keyword, `None` if it is neither given nor has a default of ours; empty counts as not given.
    pub fn get(&self, keyword: &str) -> Option<&str> {
        self.params.get(keyword).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// What libpq would have printed and gone on: for instance a password file that others may read.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The same server and user, another database.
    #[must_use]
    pub fn with_dbname(&self, dbname: &str) -> ConnInfo {
        let mut other = self.clone();
        other.params.insert("dbname".into(), dbname.into());
        other
    }

    /// The same, with this password.
    #[must_use]
    pub fn with_password(&self, password: &str) -> ConnInfo {
        let mut other = self.clone();
        other.params.insert("password".into(), password.into());
        other.origins.insert("password".into(), "the configuration".into());
        other
    }

    /// Only this host and address: what a second connection, or pg_dump, needs to reach the very same server.
    #[must_use]
    fn pinned_to(&self, host: &HostSpec, address: Option<std::net::IpAddr>) -> ConnInfo {
        let mut pinned = self.clone();
        pinned.params.insert("host".into(), host.host.clone());
        pinned.params.insert("port".into(), host.port.to_string());
        match address {
            Some(address) => pinned.params.insert("hostaddr".into(), address.to_string()),
            None => pinned.params.remove("hostaddr"),
        };
        pinned
    }

    /// For reports and messages: `postgresql://user@host:5432/db`. Never a password; resolving it again gives the same
    /// user, hosts, ports and database.
    pub fn describe(&self) -> String {
        let hosts: Vec<String> = self.hosts().iter().map(HostSpec::in_uri).collect();
        let user = uri::encode(self.user());
        format!("postgresql://{user}@{}/{}", hosts.join(","), uri::encode(&masked(self.dbname())))
    }

    /// What a user should know of the way to a server on another machine; `None` if the server's identity is verified.
    pub fn transport_warning(&self) -> Option<String> {
        let is_remote = |host: &HostSpec| {
            let is_here = ["localhost", "127.0.0.1", "::1"].contains(&host.host.as_str());
            host.socket_directory().is_none() && !is_here
        };
        let host = self.hosts().into_iter().find(is_remote)?;
        let mode = self.get("sslmode").unwrap_or("prefer");
        let why = match (mode, self.get("sslrootcert")) {
            ("verify-full", _) => return None,
            ("disable" | "allow" | "prefer", None) => "may be unencrypted, and the server is not verified",
            (_, None) => "is encrypted, but the server is not verified",
            _ => "verifies the server's certificate, but not that it is for this host",
        };
        Some(format!("sslmode={mode}: the connection to {} {why}; use sslmode=verify-full", host.host))
    }

    /// The password for this host, and where it came from.
    fn password_for(&self, host: &HostSpec) -> Option<(String, String)> {
        if let Some(password) = self.get("password") {
            return Some((password.to_owned(), self.origin("password").to_owned()));
        }
        let (dbname, user) = (self.dbname(), self.user());
        self.passfile.lookup(&PassfileQuery { host: host.name(), port: host.port, dbname, user })
    }

    fn origin(&self, keyword: &str) -> &str {
        self.origins.get(keyword).map_or("the defaults", String::as_str)
    }

    /// Notes the origin of every parameter that has none yet.
    fn mark_origin(&mut self, origin: &str) {
        for keyword in self.params.keys() {
            self.origins.entry(keyword.clone()).or_insert_with(|| origin.to_owned());
        }
    }

    fn set_default(&mut self, keyword: &str, value: impl Into<String>, origin: &str) {
        if !self.params.contains_key(keyword) {
            self.params.insert(keyword.to_owned(), value.into());
            self.origins.insert(keyword.to_owned(), origin.to_owned());
        }
    }

    fn fill_from_service(&mut self, home: Option<&Path>, environment: &dyn Fn(&str) -> Option<String>) -> Result<()> {
        let value = |keyword: &str, variable: &str| self.params.get(keyword).cloned().or_else(|| environment(variable));
        let Some(service) = value("service", "PGSERVICE").filter(|service| !service.is_empty()) else { return Ok(()) };
        let places = service::Places {
            file: service::path(value("servicefile", "PGSERVICEFILE").as_deref()),
            home: home.map(Path::to_path_buf),
            system: service::path(environment("PGSYSCONFDIR").as_deref()),
        };
        let (parameters, path) = service::lookup(&service, &places)?;
        let origin = format!("service {service} ({})", path.display());
        for (keyword, value) in parameters {
            self.set_default(&keyword, value, &origin);
        }
        Ok(())
    }

    fn fill_from_environment(&mut self, environment: &dyn Fn(&str) -> Option<String>) {
        for (keyword, variable) in keywords::with_variable() {
            if let Some(value) = environment(variable) {
                self.set_default(keyword, value, variable);
            }
        }
        if environment("PGREQUIRESSL").is_some_and(|value| value.starts_with('1')) {
            self.set_default("sslmode", "require", "PGREQUIRESSL");
        }
    }

    /// The defaults; what was given as empty counts as not given, as in libpq.
    fn fill_defaults(&mut self, home: Option<&Path>) -> Result<()> {
        self.params.retain(|_, value| !value.is_empty());
        self.set_default("port", "5432", "the defaults");
        if !self.params.contains_key("user") {
            let user = whoami::username().map_err(|error| {
                Error::new(format!("find the name of the operating system user: {error}"))
                    .hint("give a user (user=NAME)")
            })?;
            self.set_default("user", user, "the operating system user");
        }
        self.set_default("dbname", self.user().to_owned(), THE_USERS_NAME);
        if !self.params.contains_key("hostaddr") {
            let port = self.get("port").unwrap_or_default().to_owned();
            self.set_default("host", hosts::default_host(&port), "the defaults");
        }
        self.fill_certificates(home);
        let weakest = if self.get("sslrootcert") == Some("system") { "verify-full" } else { "prefer" };
        self.set_default("sslmode", weakest, "the defaults");
        Ok(())
    }

    /// The files libpq finds by itself in `~/.postgresql`, if they are there.
    fn fill_certificates(&mut self, home: Option<&Path>) {
        let Some(directory) = home.map(|home| home.join(".postgresql")) else { return };
        let files = [("sslrootcert", "root.crt"), ("sslcrl", "root.crl"), ("sslcert", "postgresql.crt")];
        for (keyword, name) in files {
            let path: PathBuf = directory.join(name);
            if path.exists() {
                self.set_default(keyword, path.to_string_lossy(), "the defaults");
            }
        }
        if self.params.contains_key("sslcert") {
            self.set_default("sslkey", directory.join("postgresql.key").to_string_lossy(), "the defaults");
        }
    }

    fn read_passfile(&mut self, home: Option<&Path>) {
        if self.params.contains_key("password") {
            return;
        }
        let Some(path) = service::path(self.get("passfile")).or(home.map(|home| home.join(".pgpass"))) else { return };
        match Passfile::read(&path) {
            Ok(passfile) => self.passfile = passfile,
            Err(warning) => self.warnings.push(warning.to_string()),
        }
    }
}

#[cfg(test)]
mod tests;
