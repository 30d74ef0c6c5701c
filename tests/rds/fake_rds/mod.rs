//! A fake of AWS RDS and STS: the calls that a nightly run makes, over HTTP, with real PostgreSQL servers behind the instances.
//!
//! Written from AWS's API reference and the SDK's model, never from our client. It never sleeps: time is counted in
//! looks (calls of DescribeDBInstances). It cannot: check signatures, IAM policies, quotas, networks; snapshots are never made
//! but as a final snapshot, and never deleted, as no such call is known here.
//!
//! ```ignore
//! let fake = FakeRds::start(FakeRdsOptions::default());
//! let production = fake.add_instance(Instance::production("club-prod"));
//! let image = Image::make("club", |database| database.run("CREATE TABLE …"));
//! fake.add_snapshot(Snapshot::automated(&production, Duration::from_secs(3600), Some(&image)));
//! fake.fault(Action::DescribeDBInstances, Fault::throttling());
//! fake.hook(Action::RestoreDBInstanceFromDBSnapshot, Moment::AfterWorkBeforeReply, move |_| kill(child));
//! // … endpoint_url = fake.url(), ca_bundle = fake.ca_bundle(), connect_via = fake.connect_via(),
//! //   environment of the program: fake.environment()
//! assert!(fake.unknown_calls().is_empty());
//! ```

#![allow(dead_code, unused_imports, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test, that is how to fail")]

mod actions;
mod describe;
mod faults;
mod forward;
mod http;
mod image;
mod records;
mod wire;
mod state;

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub use faults::{Action, Fault, Moment};
pub use http::Call;
use http::{ACCESS_KEY, Shared, lock};
pub use image::Image;
pub use records::{ACCOUNT, Instance, Life, PasswordChange, Snapshot, Stage, Tags, new_resource_id, tag};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::support::authority::Authority;
use forward::Tunnel;
use state::{Entry, State};

/// What an account is like. All of it can be changed later.
#[derive(Debug, Clone)]
pub struct FakeRdsOptions {
    pub region: String,
    /// How restored instances live.
    pub life: Life,
    /// Records in a page at most, below what callers may ask for, so that few records are several pages.
    pub page_size: Option<usize>,
    /// The groups that exist; with none named, all do.
    pub subnet_groups: Vec<String>,
    pub parameter_groups: Vec<String>,
    pub security_groups: Vec<String>,
}

impl Default for FakeRdsOptions {
    fn default() -> Self {
        Self {
            region: "ap-southeast-2".into(),
            life: Life::default(),
            page_size: None,
            subnet_groups: Vec::new(),
            parameter_groups: Vec::new(),
            security_groups: Vec::new(),
        }
    }
}

/// The running fake. Dropping it stops all its servers.
pub struct FakeRds {
    shared: Arc<Shared>,
    tunnel: Arc<Tunnel>,
    runtime: Option<Runtime>,
    api_port: u16,
    tunnel_port: u16,
    ca_bundle: PathBuf,
    _dir: TempDir,
}

impl FakeRds {
    pub fn start(options: FakeRdsOptions) -> Self {
        let dir = tempfile::Builder::new().prefix("fake-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let authority = Authority::create(dir.path());
        let ca_bundle = authority.bundle().to_owned();
        let newest = Arc::new(Mutex::new(None));
        let shared = Arc::new(Shared::new(State::new(options, authority, newest.clone())));
        let tunnel = Arc::new(Tunnel::new(newest));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let bind = || runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let (api, postgres) = (bind(), bind());
        let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
        let (api_port, tunnel_port) = (port(&api), port(&postgres));
        runtime.spawn(http::serve(api, shared.clone()));
        runtime.spawn(tunnel.clone().serve(postgres));
        Self { shared, tunnel, runtime: Some(runtime), api_port, tunnel_port, ca_bundle, _dir: dir }
    }

    /// `endpoint_url`, for RDS and STS.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.api_port)
    }

    /// The certificates that instances' endpoints are verified with.
    pub fn ca_bundle(&self) -> &Path {
        &self.ca_bundle
    }

    /// `connect_via`: leads to the newest instance that has a server; closes at once while there is none.
    pub fn connect_via(&self) -> String {
        format!("127.0.0.1:{}", self.tunnel_port)
    }

    /// Credentials for the program under test, and no others.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "not-checked-by-the-fake".to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
            ("AWS_CONFIG_FILE", "/dev/null".to_owned()),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null".to_owned()),
        ]
    }

    /// A record without a server, for instance production; gives it back.
    pub fn add_instance(&self, record: Instance) -> Instance {
        lock(&self.shared.state).entries.insert(record.id.clone(), Entry::still(record.clone()));
        record
    }

    pub fn add_snapshot(&self, snapshot: Snapshot) -> Snapshot {
        lock(&self.shared.state).snapshots.push(snapshot.clone());
        snapshot
    }

    /// Changes an instance, for instance its tags. The status of a restored one is its script's.
    pub fn edit_instance(&self, id: &str, change: impl FnOnce(&mut Instance)) {
        change(&mut lock(&self.shared.state).entries.get_mut(id).unwrap().record);
    }

    pub fn edit_snapshot(&self, id: &str, change: impl FnOnce(&mut Snapshot)) {
        change(lock(&self.shared.state).snapshots.iter_mut().find(|snapshot| snapshot.id == id).unwrap());
    }

    /// As if it had been deleted long ago by another user.
    pub fn forget_instance(&self, id: &str) {
        lock(&self.shared.state).begin_to_delete(id);
        lock(&self.shared.state).entries.remove(id);
    }

    pub fn forget_snapshot(&self, id: &str) {
        lock(&self.shared.state).snapshots.retain(|snapshot| snapshot.id != id);
    }

    /// Every instance there is, `deleting` ones too, as of the last look.
    pub fn instances(&self) -> Vec<Instance> {
        let state = lock(&self.shared.state);
        let is_there = |entry: &&Entry| entry.script.deleting != Some(0);
        state.entries.values().filter(is_there).map(|entry| entry.record.clone()).collect()
    }

    pub fn snapshots(&self) -> Vec<Snapshot> {
        lock(&self.shared.state).snapshots.clone()
    }

    /// How instances live that are restored from now on.
    pub fn set_life(&self, life: Life) {
        lock(&self.shared.state).life = life;
    }

    /// How one that exists goes on from now on.
    pub fn set_life_of(&self, id: &str, life: Life) {
        let mut state = lock(&self.shared.state);
        let entry = state.entries.get_mut(id).unwrap();
        let next = Entry::restored(entry.record.clone(), life, None);
        entry.script = next.script;
    }

    /// Seconds by which AWS's clock (the `Date` header, create times) is ahead of this machine's.
    pub fn set_skew(&self, seconds: i64) {
        lock(&self.shared.state).skew = seconds;
    }

    /// `InsufficientDBInstanceCapacity` for these classes, for ever.
    pub fn no_capacity_for(&self, classes: &[&str]) {
        lock(&self.shared.state).no_capacity = classes.iter().map(|class| (*class).to_owned()).collect();
    }

    /// The next call of this action meets it. Several are met in order. The SDK tries some again by itself, 3 times as it is set up.
    pub fn fault(&self, action: Action, fault: Fault) {
        self.faults(action, 1, fault);
    }

    /// The next so many calls, `u32::MAX` for all.
    pub fn faults(&self, action: Action, calls: u32, fault: Fault) {
        lock(&self.shared.faults).push((action, calls, fault));
    }

    pub fn clear_faults(&self) {
        lock(&self.shared.faults).clear();
    }

    /// Runs at that moment of every call of this action; the call waits for it. It may use the fake.
    pub fn hook(&self, action: Action, moment: Moment, run: impl FnMut(&Call) + Send + 'static) {
        lock(&self.shared.hooks).push((action, moment, Arc::new(Mutex::new(run))));
    }

    pub fn clear_hooks(&self) {
        lock(&self.shared.hooks).clear();
    }

    /// Every call so far, also those that were refused or are not known here.
    pub fn calls(&self) -> Vec<Call> {
        lock(&self.shared.calls).clone()
    }

    /// Calls of one action.
    pub fn calls_of(&self, action: Action) -> Vec<Call> {
        self.calls().into_iter().filter(|call| call.action == action.name()).collect()
    }

    /// Calls that a night has no business to make: DeleteDBSnapshot above all.
    pub fn unknown_calls(&self) -> Vec<Call> {
        self.calls().into_iter().filter(|call| Action::parse(&call.action).is_none()).collect()
    }

    pub fn forget_calls(&self) {
        lock(&self.shared.calls).clear();
    }

    /// A superuser's way, through the socket, into a database of an instance: to look, or to damage it. None if it has no server (yet).
    pub fn conninfo(&self, id: &str, dbname: &str) -> Option<String> {
        lock(&self.shared.state).entries.get(id)?.server.as_ref().map(|server| server.conninfo(dbname))
    }

    /// Cuts every connection to PostgreSQL that is open now.
    pub fn cut_connections(&self) {
        lock(&self.tunnel.open).drain(..).for_each(|task| task.abort());
    }

    /// Cuts connections to PostgreSQL when so many bytes more have come from servers, and all later ones too.
    pub fn cut_after(&self, bytes: u32) {
        self.tunnel.budget.store(i64::from(bytes), Ordering::SeqCst);
    }

    /// Connections stay open, but nothing moves any more (true), or moves again (false).
    pub fn hold_connections(&self, is_held: bool) {
        self.tunnel.is_held.store(is_held, Ordering::SeqCst);
    }

    /// Undoes `cut_after` and `hold_connections`.
    pub fn forward_freely(&self) {
        self.tunnel.budget.store(i64::MAX, Ordering::SeqCst);
        self.hold_connections(false);
    }

    /// Connections to PostgreSQL so far, also those that led nowhere.
    pub fn connections(&self) -> usize {
        self.tunnel.accepted.load(Ordering::SeqCst)
    }

    /// Runs with the number of each connection to PostgreSQL, from 1, before anything is forwarded.
    pub fn on_connection(&self, run: impl FnMut(usize) + Send + 'static) {
        *lock(&self.tunnel.on_connection) = Some(Box::new(run));
    }
}

impl Drop for FakeRds {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(10));
        }
        lock(&self.shared.state).entries.clear();
    }
}
