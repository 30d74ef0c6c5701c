//! Production with a snapshot on the fake, and a machine that copies it.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use pgwitness::postgres::server::Cluster;

use crate::fake_rds::{FakeRds, FakeRdsOptions, Image, Instance, Snapshot};
use crate::support::night::{NightlyScenario, text};
use crate::support::{Database, cluster, servers};

/// `DBInstanceIdentifier` of production.
pub const PRODUCTION: &str = "club-production";
/// The region.
pub const REGION: &str = "ap-southeast-2";

/// What is in every snapshot, made once.
pub fn image() -> &'static Arc<Image> {
    static IMAGE: OnceLock<Arc<Image>> = OnceLock::new();
    IMAGE.get_or_init(|| {
        Image::make("club", |database| {
            database.run(
                "CREATE SCHEMA shop;
                 CREATE TABLE shop.members (id int PRIMARY KEY, name text NOT NULL);
                 CREATE TABLE shop.orders (id serial PRIMARY KEY, member int REFERENCES shop.members, cents bigint);
                 INSERT INTO shop.members SELECT i, 'member ' || i FROM generate_series(1, 200) i;
                 INSERT INTO shop.orders (member, cents) SELECT 1 + i % 200, i * 7 FROM generate_series(1, 3000) i;",
            );
        })
    })
}

/// The server that gets the copies; one for all tests of this binary.
pub fn copies() -> &'static Cluster {
    static SERVER: OnceLock<Cluster> = OnceLock::new();
    SERVER.get_or_init(|| {
        let server = cluster();
        // The owner that production's objects have.
        Database::connect(&server.conninfo("postgres")).run("CREATE ROLE clubadmin; CREATE ROLE rds_superuser");
        server
    })
}

/// AWS, production on it, and our machine.
pub struct Machine {
    /// AWS.
    pub aws: Arc<FakeRds>,
    /// As it was registered.
    pub production: Instance,
    /// The newest one.
    pub snapshot: Snapshot,
    /// Our machine.
    pub scenario: NightlyScenario,
}

impl Machine {
    /// Production with one automated snapshot, three hours old.
    pub fn new(copy: &str) -> Self {
        Self::new_in(&servers(), copy)
    }

    /// The same, with its directories below another.
    pub fn new_in(parent: &Path, copy: &str) -> Self {
        let aws = Arc::new(FakeRds::start(FakeRdsOptions::default()));
        let production = aws.add_instance(Instance::production(PRODUCTION));
        let age = Duration::from_secs(3 * 3600);
        let snapshot = aws.add_snapshot(Snapshot::automated(&production, age, Some(image())));
        let mut scenario = NightlyScenario::new_in(parent, copies(), sections(&aws));
        scenario.set("restore", &text("database", copy));
        scenario.environment = aws.environment().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { aws, production, snapshot, scenario }
    }

    /// Instances besides production.
    pub fn temporaries(&self) -> Vec<Instance> {
        self.aws.instances().into_iter().filter(|instance| instance.id != PRODUCTION).collect()
    }

    /// Whatever happens: production is as it was, and nothing was asked of AWS that is not on the list.
    pub fn demand_untouched(&self) {
        let production = self.aws.instances().into_iter().find(|instance| instance.id == PRODUCTION).unwrap();
        assert_eq!(production, self.production);
        assert!(self.aws.unknown_calls().is_empty(), "{:?}", self.aws.unknown_calls());
        assert_eq!(self.aws.snapshots().len(), 1);
    }

    /// Names of databases on the server of copies that begin with this.
    pub fn databases(&self, prefix: &str) -> Vec<String> {
        let rows =
            Database::connect(&copies().conninfo("postgres")).query("SELECT datname FROM pg_database ORDER BY 1");
        let names = rows.into_iter().map(|row| row[0].clone().unwrap());
        names.filter(|name| name.starts_with(prefix)).collect()
    }
}

fn sections(aws: &FakeRds) -> Vec<(String, Vec<String>)> {
    let source = vec![
        "kind = \"rds\"".to_owned(),
        format!("instance = {PRODUCTION:?}"),
        "dbname = \"club\"".into(),
        "wait_for_snapshot = \"1s\"".into(),
        format!("region = {REGION:?}"),
        "account = \"123456789012\"".into(),
        format!("endpoint_url = {:?}", aws.url()),
    ];
    let temporary = vec![
        "prefix = \"pgwitness\"".to_owned(),
        "instance_classes = [\"db.t4g.medium\", \"db.m7g.large\"]".into(),
        "subnet_group = \"backup-subnets\"".into(),
        "security_groups = [\"sg-0backup\"]".into(),
        "parameter_group = \"backup-postgres\"".into(),
        text("ca_bundle", aws.ca_bundle()),
        format!("connect_via = {:?}", aws.connect_via()),
        "poll_interval = \"1s\"".into(),
        "restore_timeout = \"2m\"".into(),
        "delete_timeout = \"1m\"".into(),
    ];
    vec![("source".to_owned(), source), ("source.temporary".to_owned(), temporary)]
}
