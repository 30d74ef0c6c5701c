//! The account as the fake keeps it: instances and their scripts, snapshots, and the servers behind instances.
//!
//! Never looks at a clock to decide what an instance's status is: see `records`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use pgwitness::postgres::server::Cluster;
use tokio_postgres::NoTls;

use super::FakeRdsOptions;
use super::image::Image;
use super::records::{Instance, Life, Snapshot, Stage};
use crate::support::authority::Authority;

/// Everything in one AWS account and region.
pub struct State {
    pub region: String,
    pub entries: BTreeMap<String, Entry>,
    pub snapshots: Vec<Snapshot>,
    pub life: Life,
    pub no_capacity: BTreeSet<String>,
    pub page_size: Option<usize>,
    pub subnet_groups: Vec<String>,
    pub parameter_groups: Vec<String>,
    pub security_groups: Vec<String>,
    /// Seconds by which AWS's clock is ahead of this machine's.
    pub skew: i64,
    pub authority: Authority,
    /// Port of the newest server.
    pub newest: Arc<Mutex<Option<u16>>>,
}

/// An instance and what drives it.
pub struct Entry {
    pub record: Instance,
    pub script: Script,
    pub image: Option<Arc<Image>>,
    pub server: Option<Cluster>,
}

/// The rest of an instance's life. Without stages nothing changes.
#[derive(Debug, Default)]
pub struct Script {
    pub life: Life,
    /// The first is now; true while a new password is pending.
    pub stages: VecDeque<(Stage, bool)>,
    /// Looks at `deleting` that are left.
    pub deleting: Option<u32>,
    pub new_password: Option<String>,
}

impl Entry {
    /// A record that stays as it is.
    pub fn still(record: Instance) -> Self {
        Self { record, script: Script::default(), image: None, server: None }
    }

    /// What a restore makes.
    pub fn restored(record: Instance, life: Life, image: Option<Arc<Image>>) -> Self {
        let has_backups = record.backup_retention != 0;
        let stages = life.stages.iter().filter(|stage| has_backups || !stage.needs_backups);
        let stages = stages.map(|stage| (stage.clone(), false)).collect();
        Self { record, script: Script { life, stages, ..Script::default() }, image, server: None }
    }

    /// From now on: the change pending, then resetting, then available.
    pub fn change_password(&mut self, password: &str) {
        let plan = &self.script.life.password;
        let stages = [
            (Stage::new("available", plan.pending), true),
            (Stage::new("resetting-master-credentials", plan.resetting), true),
            (Stage::new("available", u32::MAX), false),
        ];
        self.script.stages = stages.into_iter().filter(|(stage, _)| stage.looks > 0).collect();
        self.script.new_password = Some(password.to_owned());
        self.apply_password_if_done();
    }

    fn apply_password_if_done(&mut self) {
        if self.script.stages.front().is_some_and(|(_, pending)| *pending) {
            return;
        }
        let Some(password) = self.script.new_password.take() else { return };
        let Some(server) = &self.server else { return };
        let (conninfo, role) = (server.conninfo("postgres"), self.record.master_user.clone());
        match self.script.life.password.late {
            Duration::MAX => {}
            Duration::ZERO => set_password(&conninfo, &role, &password).unwrap(),
            late => drop(std::thread::spawn(move || {
                std::thread::sleep(late);
                // By then the instance may be gone, which is no business of the test's.
                let _ = set_password(&conninfo, &role, &password);
            })),
        }
    }

    /// One look has passed.
    fn pass(&mut self) {
        if let Some(left) = self.script.deleting.as_mut() {
            count_down(left);
            return;
        }
        let Some((stage, _)) = self.script.stages.front_mut() else { return };
        count_down(&mut stage.looks);
        if stage.looks == 0 && self.script.stages.len() > 1 {
            self.script.stages.pop_front();
            self.apply_password_if_done();
        }
    }
}

fn count_down(left: &mut u32) {
    if *left != u32::MAX {
        *left = left.saturating_sub(1);
    }
}

impl State {
    pub fn new(options: FakeRdsOptions, authority: Authority, newest: Arc<Mutex<Option<u16>>>) -> Self {
        Self {
            region: options.region,
            entries: BTreeMap::new(),
            snapshots: Vec::new(),
            life: options.life,
            no_capacity: BTreeSet::new(),
            page_size: options.page_size,
            subnet_groups: options.subnet_groups,
            parameter_groups: options.parameter_groups,
            security_groups: options.security_groups,
            skew: 0,
            authority,
            newest,
        }
    }

    /// AWS's clock.
    pub fn now(&self) -> SystemTime {
        let skew = Duration::from_secs(self.skew.unsigned_abs());
        if self.skew < 0 { SystemTime::now() - skew } else { SystemTime::now() + skew }
    }

    /// Brings the record of an instance up to date, and starts its server when it is time. False if it is gone.
    pub fn mark_done(&mut self, id: &str) -> bool {
        let now = self.now();
        let Some(entry) = self.entries.get_mut(id) else { return false };
        if entry.script.deleting == Some(0) {
            self.entries.remove(id);
            return false;
        }
        if entry.script.deleting.is_some() {
            entry.record.status = "deleting".into();
            return true;
        }
        let Some((stage, pending)) = entry.script.stages.front().cloned() else { return true };
        entry.record.status = stage.status;
        entry.record.password_pending = pending;
        entry.record.has_endpoint = stage.has_endpoint;
        if stage.has_endpoint {
            entry.record.created.get_or_insert(now);
            self.start_server(id);
        }
        true
    }

    /// One look at each of these has passed.
    pub fn pass(&mut self, ids: &[String]) {
        for id in ids {
            if let Some(entry) = self.entries.get_mut(id) {
                entry.pass();
            }
        }
    }

    /// Only now, so that a test that ends before pays nothing.
    fn start_server(&mut self, id: &str) {
        let region = self.region.clone();
        let Some(entry) = self.entries.get_mut(id) else { return };
        let (Some(image), None) = (&entry.image, &entry.server) else { return };
        let name = entry.script.life.certificate_name.clone();
        let name = name.unwrap_or_else(|| entry.record.endpoint(&region));
        let server = image.restore(self.authority.certify(&name));
        *self.newest.lock().unwrap() = Some(server.port());
        entry.server = Some(server);
    }

    /// From now on it is `deleting`, and logins fail.
    pub fn begin_to_delete(&mut self, id: &str) {
        let Some(entry) = self.entries.get_mut(id) else { return };
        entry.script.deleting = Some(entry.script.life.deleting);
        entry.record.status = "deleting".into();
        let Some(server) = entry.server.take() else { return };
        let mut newest = self.newest.lock().unwrap();
        if *newest == Some(server.port()) {
            *newest = None;
        }
    }

    /// By name or ARN, whatever the case.
    pub fn instance_id(&self, named: &str) -> Option<String> {
        let named = named.to_lowercase();
        let is_it = |entry: &&Entry| entry.record.id == named || entry.record.arn(&self.region) == named;
        self.entries.values().find(is_it).map(|entry| entry.record.id.clone())
    }

    /// By name or ARN, whatever the case.
    pub fn snapshot(&self, named: &str) -> Option<&Snapshot> {
        let named = named.to_lowercase();
        self.snapshots.iter().find(|snapshot| snapshot.id == named || snapshot.arn(&self.region) == named)
    }
}

/// As a superuser, through the socket. A runtime of its own: the caller may be in a thread of any kind but an async one.
fn set_password(conninfo: &str, role: &str, password: &str) -> Result<(), tokio_postgres::Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(conninfo, NoTls).await?;
        tokio::spawn(connection);
        let role = pgwitness::model::name::quote_always(role);
        let password = password.replace('\'', "''");
        client
            .batch_execute(&format!("SET standard_conforming_strings = on; ALTER ROLE {role} PASSWORD '{password}'"))
            .await
    })
}
