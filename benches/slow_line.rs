//! What `--digest-on server` saves on a line that is slower than the server's SHA-256: 20 Mbit/s, by default.
//!
//! `cargo bench --bench slow_line -- [--rate 20mbit] [--rows-millions 1] [--runs 3] [--jobs 2] [--directory /tmp] [--quick]`
//!
//! Needs root, PostgreSQL's programs and those of iproute2: the client runs in a network namespace of its own, and `tc` shapes both
//! ends of the pair of interfaces to it. Everything is made anew and removed. Contestants run by turns; the median of the pairwise
//! ratios counts. It never judges: it only measures.

#![expect(clippy::print_stdout, reason = "what it measured is its result")]

mod measure;

use std::cell::Cell;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use clap::Parser;
use pgwitness::base::error::{Error, Result};
use pgwitness::postgres::server::{Cluster, ClusterOptions};
use pgwitness::postgres::tools::PgTools;

use measure::{Meter, Run, duel, median};

/// The server's end of the line, and the client's.
const ADDRESSES: [&str; 2] = ["10.213.77.1", "10.213.77.2"];

/// Measures `--digest-on` over a slow line.
#[derive(Parser)]
struct Options {
    /// Rate of the line, as tc(8) has it.
    #[arg(long, default_value = "20mbit")]
    rate: String,
    /// Rows of the table, in millions, of 115 bytes each.
    #[arg(long, default_value_t = 1.0)]
    rows_millions: f64,
    /// Runs of each contestant, after one that does not count.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Sessions of each side.
    #[arg(long, default_value_t = 2)]
    jobs: u16,
    /// Where the server's directory goes: a short path that every user can enter.
    #[arg(long, default_value = "/tmp")]
    directory: PathBuf,
    /// Small and short: does the benchmark itself work?
    #[arg(long)]
    quick: bool,
    /// Run by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let mut options = Options::parse();
    if options.quick {
        (options.rows_millions, options.runs) = (0.05, 1);
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
    let tools = PgTools::find(None, std::env::var("PATH").ok().as_deref(), &["postgres", "initdb", "pg_ctl", "psql"])?;
    let line = Line::new(&options.rate)?;
    let settings = [
        ("shared_buffers", "512MB"),
        ("max_wal_size", "4GB"),
        ("autovacuum", "off"),
        ("listen_addresses", ADDRESSES[0]),
    ];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let hba = vec![format!("host all all {}/32 trust", ADDRESSES[1])];
    let parent = options.directory.clone();
    let cluster = Cluster::start(&tools, &ClusterOptions { settings, hba, parent, tcp: true, ..Default::default() })?;
    let scratch = tempfile::tempdir().map_err(|error| Error::from_source(&error))?;
    let bench = Bench { meter: Meter::new(&cluster)?, jobs: options.jobs, files: Cell::new(0), scratch, cluster, line };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let rows = (options.rows_millions * 1e6).round();
    println!(
        "{cores} processors, PostgreSQL {}, {rows} rows, a line of {}, {} runs of each\n",
        tools.version.text, options.rate, options.runs
    );
    bench.sql("postgres", "CREATE DATABASE source")?;
    bench.sql("source", &table_sql(rows))?;
    bench.sql("source", "VACUUM ANALYZE")?;
    bench.sql("postgres", "CREATE DATABASE source_copy TEMPLATE source")?;
    bench.sql("postgres", "CHECKPOINT")?;
    for command in ["manifest", "compare"] {
        bench.duel(command, options.runs, "server")?;
    }
    bench.duel("manifest", options.runs, "auto")?;
    bench.cluster.stop()
}

struct Bench {
    meter: Meter,
    cluster: Cluster,
    line: Line,
    jobs: u16,
    /// Manifests so far: none is replaced.
    files: Cell<u32>,
    scratch: tempfile::TempDir,
}

impl Bench {
    fn duel(&self, command: &str, runs: usize, place: &str) -> Result<()> {
        println!("{command}: --digest-on client, --digest-on {place}");
        let pairs = duel(
            &self.meter,
            runs,
            || vec![self.pgwitness(command, "client")],
            || vec![self.pgwitness(command, place)],
        )?;
        for (client, other) in &pairs {
            println!("  client {client}   {place} {other}   {:.1} times as fast", client.wall_s / other.wall_s);
        }
        let ratio = median(pairs.iter().map(|(client, other)| client.wall_s / other.wall_s).collect());
        let (client, other) =
            (Run::median(pairs.iter().map(|(it, _)| it)), Run::median(pairs.iter().map(|(_, it)| it)));
        println!("  medians: {:.2} s / {:.2} s; median of the ratios {ratio:.1}\n", client.wall_s, other.wall_s);
        Ok(())
    }

    fn pgwitness(&self, command: &str, place: &str) -> Command {
        let mut pgwitness = self.line.command(env!("CARGO_BIN_EXE_pgwitness"));
        pgwitness.args([command, "--quiet", "--digest-on", place, "--jobs"]).arg(self.jobs.to_string());
        pgwitness.arg(self.conninfo("source"));
        if command == "manifest" {
            self.files.set(self.files.get() + 1);
            return self.with_file(pgwitness);
        }
        pgwitness.arg(self.conninfo("source_copy"));
        pgwitness
    }

    fn with_file(&self, mut command: Command) -> Command {
        command.arg(self.scratch.path().join(format!("{}.json", self.files.get())));
        command
    }

    fn conninfo(&self, database: &str) -> String {
        format!("host={} port={} user=postgres dbname={database}", ADDRESSES[0], self.cluster.port())
    }

    fn sql(&self, database: &str, sql: &str) -> Result<()> {
        let mut psql = Command::new(self.cluster.tools().program("psql"));
        psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d"]).arg(self.cluster.conninfo(database));
        done(psql.arg("-c").arg(sql))
    }
}

fn table_sql(rows: f64) -> String {
    format!(
        "CREATE TABLE payments (id bigint PRIMARY KEY, member_id bigint, amount numeric(12, 2), paid_at timestamptz, note text, ok boolean);
         INSERT INTO payments SELECT n, n % 50000, n % 10000 / 100.0, timestamptz '2024-01-01 00:00Z' + n * interval '7 s',
             md5(n::text) || md5((n + 1)::text), n % 3 = 0 FROM generate_series(1, {rows}) AS n"
    )
}

/// A network namespace at the end of a shaped pair of interfaces; it goes away with the value.
struct Line {
    namespace: String,
    interface: String,
}

impl Line {
    fn new(rate: &str) -> Result<Self> {
        let pid = std::process::id();
        let line = Self { namespace: format!("pgwitness{pid}"), interface: format!("pgw{pid}") };
        let (namespace, here, there) = (&line.namespace, &line.interface, &format!("pgx{pid}"));
        let address = |address: &str| format!("{address}/30");
        // A bucket of a few packets: with more, short runs would see no limit.
        let shape =
            |interface: &str| format!("tc qdisc add dev {interface} root tbf rate {rate} burst 16kb latency 200ms");
        let inside = |command: String| format!("ip netns exec {namespace} {command}");
        for command in [
            format!("ip netns add {namespace}"),
            format!("ip link add {here} type veth peer name {there} netns {namespace}"),
            format!("ip addr add {} dev {here}", address(ADDRESSES[0])),
            format!("ip link set {here} up"),
            inside(format!("ip addr add {} dev {there}", address(ADDRESSES[1]))),
            inside(format!("ip link set {there} up")),
            shape(here),
            inside(shape(there)),
        ] {
            let mut words = command.split_whitespace();
            done(Command::new(words.next().unwrap_or_default()).args(words))?;
        }
        Ok(line)
    }

    /// A command at the far end.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace, program]);
        command
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let _ = done(Command::new("ip").args(["link", "del", &self.interface]));
        let _ = done(Command::new("ip").args(["netns", "del", &self.namespace]));
    }
}

fn done(command: &mut Command) -> Result<()> {
    let output = command.output().map_err(|error| Error::from_source(&error).hint("is iproute2 installed?"))?;
    let complaint = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.status.success() { Ok(()) } else { Err(Error::new(complaint).hint("run it as root")) }
}
