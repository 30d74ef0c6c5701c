//! What verification adds to a night: dump and restore alone, beside the whole night with the same programs and settings.
//!
//! `cargo bench --bench nightly -- [--rows-millions 5] [--runs 3] [--directory /tmp] [--quick]`
//!
//! Source, copy and client are on this machine, which is the worst case. Dump and restore alone use one server, with fsync; the night
//! makes its own for the copy, as it does without `restore.url`. Everything is made below `--directory` and removed.
//! Contestants run by turns; the median of the pairwise ratios counts. It never judges: it only measures.

#![expect(clippy::print_stdout, reason = "what it measured is its result")]

mod measure;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::Parser;
use pgwitness::base::error::{Error, Result};
use pgwitness::postgres::server::{Cluster, ClusterOptions};
use pgwitness::postgres::session::pgoptions;
use pgwitness::postgres::tools::PgTools;

use measure::{Meter, Run, duel, median};

/// Measures `pgwitness nightly`.
#[derive(Parser)]
struct Options {
    /// Rows of the larger table, in millions; the smaller one has two fifths.
    #[arg(long, default_value_t = 3.571)]
    rows_millions: f64,
    /// Runs of each contestant, after one that does not count.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// pg_dump's `--compress`.
    #[arg(long, default_value = "6")]
    compression: String,
    /// `--jobs` of pg_dump and pg_restore.
    #[arg(long, default_value_t = 2)]
    jobs: u16,
    /// Where the server's directory goes: a short path that every user can enter.
    #[arg(long, default_value = "/tmp")]
    directory: PathBuf,
    /// A server that does not wait for its disk, which makes the restore faster than anybody's.
    #[arg(long)]
    no_fsync: bool,
    /// The night restores into the server of the source, as the other contestant does, and not into one of its own.
    #[arg(long)]
    into_source_server: bool,
    /// Small and short: does the benchmark itself work?
    #[arg(long)]
    quick: bool,
    /// RunContext by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let mut options = Options::parse();
    if options.quick {
        (options.rows_millions, options.runs) = (0.1, 1);
    }
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    let needed = ["postgres", "initdb", "pg_ctl", "psql", "pg_dump", "pg_restore"];
    let tools = PgTools::find(None, std::env::var("PATH").ok().as_deref(), &needed)?;
    // With fsync on, as in production; a throw-away cluster has it off.
    let durable = [("fsync", "on"), ("synchronous_commit", "on"), ("full_page_writes", "on")];
    let settings = [("shared_buffers", "256MB"), ("max_wal_size", "4GB"), ("autovacuum", "off")];
    let durable = durable.into_iter().filter(|_| !options.no_fsync);
    let settings: Vec<(&str, &str)> = settings.into_iter().chain(durable).collect();
    let settings = settings.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let parent = options.directory.clone();
    let cluster = Cluster::start(&tools, &ClusterOptions { settings, parent, ..Default::default() })?;
    let dir = tempfile::Builder::new().prefix("bench-").tempdir_in(&options.directory).map_err(Error::from)?;
    let rows = (options.rows_millions * 1e6).max(1e4).round();
    println!("making {:.1} M rows ...", rows * 1.4 / 1e6);
    sql(&cluster, "postgres", "CREATE DATABASE source")?;
    sql(&cluster, "source", &source_sql(rows))?;
    sql(&cluster, "source", "VACUUM ANALYZE; CHECKPOINT")?;
    let config = prepare(&cluster, dir.path(), options)?;
    let meter = Meter::new(&cluster)?;
    let pairs = duel(
        &meter,
        options.runs,
        || vec![dump_and_restore(&cluster, dir.path(), options)],
        || vec![nightly(&config)],
    )?;
    for (beside, ours) in &pairs {
        println!("  {beside}   nightly {ours}   ratio {:.2}", ours.wall_s / beside.wall_s);
    }
    let ratio = median(pairs.iter().map(|(beside, ours)| ours.wall_s / beside.wall_s).collect());
    let beside = Run::median(pairs.iter().map(|(beside, _)| beside));
    let ours = Run::median(pairs.iter().map(|(_, ours)| ours));
    println!(
        "dump and restore alone {:.1} s, whole night {:.1} s, median of the ratios {ratio:.2}, peak {} MiB",
        beside.wall_s, ours.wall_s, ours.peak_mib
    );
    cluster.stop()
}

fn source_sql(rows: f64) -> String {
    let payments = rows * 0.4;
    format!(
        "CREATE TABLE accounts (aid integer PRIMARY KEY, bid integer, abalance integer, filler char(84));
         INSERT INTO accounts SELECT n, n / 100000 + 1, n % 1000, '' FROM generate_series(1, {rows}) AS n;
         CREATE TABLE payments (id bigint PRIMARY KEY, account integer REFERENCES accounts, amount numeric(12, 2), paid_at timestamptz, note text);
         INSERT INTO payments SELECT n, 1 + n % {rows}, n % 10000 / 100.0, timestamptz '2024-01-01 00:00Z' + n * interval '7 s', md5(n::text)
         FROM generate_series(1, {payments}) AS n;"
    )
}

fn sql(cluster: &Cluster, database: &str, sql: &str) -> Result<()> {
    for statement in sql.split_inclusive(';') {
        let mut psql = Command::new(cluster.tools().program("psql"));
        psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", statement, "-d"]).arg(cluster.conninfo(database));
        demand(&mut psql)?;
    }
    Ok(())
}

fn demand(command: &mut Command) -> Result<()> {
    let output = command.output().map_err(|error| Error::from_source(&error))?;
    let complaint = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.status.success() { Ok(()) } else { Err(Error::new(complaint)) }
}

/// Key, directories and configuration, as a user would make them.
fn prepare(cluster: &Cluster, dir: &Path, options: &Options) -> Result<PathBuf> {
    let at = |name: &str| dir.join(name);
    let config = at("pgwitness.toml");
    let restore_url =
        if options.into_source_server { format!("url = {:?}\n", cluster.conninfo("postgres")) } else { String::new() };
    let toml = format!(
        "[source]\nkind = \"postgres\"\nurl = {:?}\n[dump]\ndirectory = {:?}\njobs = {}\ncompression = {:?}\n\
         [restore]\n{}jobs = {}\n[retention]\nkeep_last = 1\n\
         [report]\ndirectory = {:?}\nkey = {:?}\n[state]\ndirectory = {:?}\n",
        cluster.conninfo("source"),
        at("backups"),
        options.jobs,
        options.compression,
        restore_url,
        options.jobs,
        at("reports"),
        at("key"),
        at("state")
    );
    fs::write(&config, toml).map_err(Error::from)?;
    demand(pgwitness().arg("keygen").arg(at("key")))?;
    demand(pgwitness().arg("init").arg("--config").arg(&config))?;
    Ok(config)
}

fn pgwitness() -> Command {
    Command::new(env!("CARGO_BIN_EXE_pgwitness"))
}

fn nightly(config: &Path) -> Command {
    let mut nightly = pgwitness();
    nightly.stderr(std::process::Stdio::null());
    nightly.args(["nightly", "--quiet", "--config"]).arg(config);
    nightly
}

/// What a night does without us, with the very settings that ours has.
fn dump_and_restore(cluster: &Cluster, dir: &Path, options: &Options) -> Command {
    let mut shell = Command::new("sh");
    shell.args([
        "-c",
        "set -e; rm -rf \"$DIR\"
        PGOPTIONS=\"$PINS\" \"$BIN/pg_dump\" -Fd -j \"$JOBS\" -Z \"$LEVEL\" -f \"$DIR\" -d \"$SOURCE\"
        \"$BIN/psql\" -X -q -d \"$ADMIN\" -c 'CREATE DATABASE plain TEMPLATE template0'
        \"$BIN/pg_restore\" -j \"$JOBS\" -d \"$PLAIN\" \"$DIR\"
        \"$BIN/psql\" -X -q -d \"$ADMIN\" -c 'DROP DATABASE plain'",
    ]);
    shell.env("DIR", dir.join("plain")).env("BIN", &cluster.tools().bindir).env("PINS", pgoptions());
    shell.env("JOBS", options.jobs.to_string()).env("LEVEL", &options.compression);
    shell.env("SOURCE", cluster.conninfo("source")).env("ADMIN", cluster.conninfo("postgres"));
    shell.env("PLAIN", cluster.conninfo("plain"));
    shell
}
