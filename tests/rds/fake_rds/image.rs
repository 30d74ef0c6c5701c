//! What is in a snapshot: a saved data directory, with the roles that a database on RDS has.
//!
//! The master user is no superuser, as on RDS: it owns the database and may read everything, and that must be enough.

use std::sync::Arc;

use pgwitness::postgres::server::{Cluster, ClusterOptions};
use tempfile::TempDir;

use crate::support::{Database, cluster, cluster_with};

/// Roles as on RDS, as far as a dump can tell. Production's password is unknown to the tests.
const ROLES: &str = "
    CREATE ROLE rds_superuser NOLOGIN;
    GRANT pg_read_all_data, pg_write_all_data, pg_monitor, pg_signal_backend TO rds_superuser;
    CREATE ROLE clubadmin LOGIN CREATEROLE CREATEDB PASSWORD 'production-never-told';
    GRANT rds_superuser TO clubadmin;
    CREATE ROLE rdsadmin SUPERUSER;";

/// A stopped cluster's data directory.
#[derive(Debug)]
pub struct Image {
    /// The server's version, for instance `15.18`.
    pub version: String,
    dir: TempDir,
}

impl Image {
    /// A cluster with one database, owned by the master user `clubadmin`, which `load` fills *as that user*;
    /// `RESET SESSION AUTHORIZATION` makes it the superuser, for what needs one.
    pub fn make(dbname: &str, load: impl FnOnce(&Database)) -> Arc<Self> {
        let cluster = cluster();
        let maintenance = Database::connect(&cluster.conninfo("postgres"));
        maintenance.run(ROLES);
        maintenance.run(&format!(
            "CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8' OWNER clubadmin",
            pgwitness::model::name::quote_always(dbname)
        ));
        drop(maintenance);
        let database = Database::connect(&cluster.conninfo(dbname));
        database.run("SET SESSION AUTHORIZATION clubadmin");
        load(&database);
        drop(database);
        Self::save(cluster)
    }

    /// Whatever is in a cluster, which needs the role `clubadmin`.
    pub fn save(cluster: Cluster) -> Arc<Self> {
        let dir = tempfile::Builder::new().prefix("image-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let version = cluster.tools().version.text.clone();
        cluster.save(&dir.path().join("data")).unwrap_or_else(|error| panic!("{error}"));
        Arc::new(Self { version, dir })
    }

    /// A running copy, with TLS and passwords on TCP.
    pub(super) fn restore(&self, certificate: (String, String)) -> Cluster {
        let (certificate, key) = certificate;
        let setting = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let options = ClusterOptions {
            settings: vec![
                setting("ssl", "on"),
                setting("ssl_cert_file", "server.crt"),
                setting("ssl_key_file", "server.key"),
                setting("password_encryption", "scram-sha-256"),
            ],
            tcp: true,
            // As with rds.force_ssl, the default since PostgreSQL 15.
            hba: vec!["hostssl all all all scram-sha-256".into(), "hostnossl all all all reject".into()],
            files: vec![("server.crt".into(), certificate.into_bytes()), ("server.key".into(), key.into_bytes())],
            saved: Some(self.dir.path().join("data")),
            ..ClusterOptions::default()
        };
        cluster_with(options)
    }
}
