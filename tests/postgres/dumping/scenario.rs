//! What these tests have in common: orders that are quickly given.

use std::fs;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use pgwitness::base::error::Result;
use pgwitness::config::{self, DumpFormat, Span};
use pgwitness::model::progress::no_listener;
use pgwitness::nightly::dumping::{DumpOrder, Dumped, dump};
use pgwitness::nightly::restoring::{
    CopyIdentity, CopyOrder, Members, RestoreOrder, Restored, create_copy, database_facts, restore,
};
use pgwitness::postgres::conninfo::ConnInfo;
use pgwitness::postgres::server::Cluster;
use pgwitness::postgres::tools::{PgTools, Version};

use crate::support::client_tools;
use crate::support::programs::put_program;

pub fn block<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(future)
}

pub fn conninfo(text: &str) -> ConnInfo {
    ConnInfo::resolve(text, &|_| None).unwrap()
}

pub fn config() -> config::DumpSettings {
    config::DumpSettings {
        directory: PathBuf::from("/nowhere"),
        format: DumpFormat::Directory,
        jobs: 2,
        compression: None,
        exclude_table_data: Vec::new(),
        stalled_after: Span::seconds(60),
        pg_bindir: None,
    }
}

pub fn order<'a>(conninfo: &'a ConnInfo, target: &'a Path, config: &'a config::DumpSettings) -> DumpOrder<'a> {
    DumpOrder {
        conninfo,
        snapshot: None,
        target,
        config,
        without_rows: &[],
        encoding: "UTF8",
        tools: client_tools(),
        role: None,
    }
}

pub fn dumped(database: &str, target: &Path) -> Dumped {
    let info = conninfo(database);
    block(dump(&order(&info, target, &config()), &no_listener())).unwrap()
}

pub fn copy_of(source: &str, cluster: &Cluster, name: &str) -> CopyIdentity {
    let (source, admin) = (conninfo(source), conninfo(&cluster.conninfo("postgres")));
    block(async {
        let facts = database_facts(&source).await.unwrap();
        let order = CopyOrder { admin: &admin, database: name, owner: None, facts: &facts, protected: &[] };
        create_copy(&order).await.unwrap()
    })
}

/// A source without extensions.
static NO_MEMBERS: LazyLock<Members> = LazyLock::new(Members::default);

pub fn restore_order<'a>(dump: &'a Path, conninfo: &'a ConnInfo) -> RestoreOrder<'a> {
    RestoreOrder {
        dump,
        conninfo,
        jobs: 2,
        no_owner: false,
        no_privileges: false,
        no_tablespaces: false,
        without_refresh: false,
        role: None,
        accept: &[],
        members: &NO_MEMBERS,
        stalled_after: Duration::from_secs(60),
        tools: client_tools(),
        elevator: None,
    }
}

pub fn restored(dump: &Path, copy: &str) -> Result<Restored> {
    let info = conninfo(copy);
    block(restore(&restore_order(dump, &info)))
}

/// A directory in which each of PostgreSQL's client programs is this shell script.
pub fn scripts(directory: &Path, script: &str) -> PgTools {
    let bindir = directory.join("bin");
    fs::create_dir_all(&bindir).unwrap();
    for name in ["pg_dump", "pg_dumpall", "pg_restore"] {
        put_program(&bindir.join(name), &format!("#!/bin/sh\n{script}\n"));
    }
    PgTools { bindir, version: Version { major: 15, minor: 0, text: "15.0".into() } }
}

/// Process ids that a script has written into a file, one a line.
pub fn pids(file: &Path) -> Vec<u32> {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.lines().map(|line| line.trim().parse().unwrap()).collect()
}

/// Whether it runs; a zombie does not.
pub fn is_running(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// Waits for something that must come soon.
pub fn soon(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
