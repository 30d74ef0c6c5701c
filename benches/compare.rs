//! How long a comparison takes beside the least that reading both sides can take, and how much memory.
//!
//! `cargo bench --bench compare -- [--rows-millions 5] [--runs 5] [--tables 2000] [--directory /tmp] [--quick] [--reladiff PROGRAM]`
//!
//! Needs PostgreSQL's programs and, at full size, 4 GB below `--directory`. Everything is made on a throw-away server and
//! removed. Contestants run by turns, and the median of the pairwise ratios is what counts: a machine that does something else
//! meanwhile slows both. CPU seconds are those of the clients and of the server together. It never judges: it only measures.

#![expect(clippy::print_stdout, reason = "what it measured is its result")]

mod measure;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::Parser;
use pgwitness::base::error::{Error, Result};
use pgwitness::postgres::server::{Cluster, ClusterOptions};
use pgwitness::postgres::tools::PgTools;

use measure::{Meter, Run, duel, median};

/// Rows of the accounts that are changed for the third question.
const CHANGED: u64 = 2_000;

/// Measures `pgwitness compare`.
#[derive(Parser)]
struct Options {
    /// Rows of the larger table, in millions.
    #[arg(long, default_value_t = 5.0)]
    rows_millions: f64,
    /// Runs of each contestant, after one that does not count.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Small tables of the second question.
    #[arg(long, default_value_t = 2000)]
    tables: u32,
    /// Where the server's directory goes: a short path that every user can enter.
    #[arg(long, default_value = "/tmp")]
    directory: PathBuf,
    /// The program reladiff (from PyPI: `pip install 'reladiff[postgresql]'`), which compares tables by checksums that the servers make.
    #[arg(long)]
    reladiff: Option<PathBuf>,
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
        (options.rows_millions, options.tables, options.runs) = (0.1, 50, 2);
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
    let needed = ["postgres", "initdb", "pg_ctl", "psql", "pg_dump"];
    let tools = PgTools::find(None, std::env::var("PATH").ok().as_deref(), &needed)?;
    let settings = [("shared_buffers", "256MB"), ("max_wal_size", "4GB"), ("autovacuum", "off")];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let parent = options.directory.clone();
    let tcp = options.reladiff.is_some();
    let cluster = Cluster::start(&tools, &ClusterOptions { settings, parent, tcp, ..Default::default() })?;
    let bench = Bench { meter: Meter::new(&cluster)?, cluster };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!("{cores} processors, PostgreSQL {}, {} runs of each\n", tools.version.text, options.runs);
    let large = bench.large(options)?;
    let peer = options.reladiff.as_ref().map(|program| bench.reladiff(program, options)).transpose()?;
    let changed = bench.changed()?;
    let small = bench.small(options)?;
    println!("\n{:58} {:>9} {:>10} {:>9} {:>9}", "", "beside", "pgwitness", "ratio", "peak");
    println!("{large}\n{changed}\n{small}");
    peer.iter().for_each(|peer| println!("{peer}"));
    bench.cluster.stop()
}

struct Bench {
    cluster: Cluster,
    meter: Meter,
}

impl Bench {
    /// Two large tables, beside the floor: both databases printed by COPY and thrown away, at the same time.
    fn large(&self, options: &Options) -> Result<String> {
        let rows = (options.rows_millions * 1e6).max(1e4).round();
        println!("making accounts of {rows} rows ...");
        self.make_twin("large", &large_sql(rows))?;
        let title = format!("{:.1} M rows; beside: COPY TO STDOUT of both at once", rows * 1.4 / 1e6);
        let copies = || Vec::from(["large", "large_copy"].map(|database| self.copy_all(database)));
        self.duel(&title, options.runs, copies, "large")
    }

    /// The same tables, beside another program. It has no options for what it compares besides rows, and so does less.
    fn reladiff(&self, program: &Path, options: &Options) -> Result<String> {
        let beside = || {
            let tables =
                [("accounts", "aid", "bid abalance filler"), ("payments", "id", "member_id amount paid_at note")];
            let one = |(table, key, columns): (&str, &str, &str)| {
                let mut reladiff = Command::new(program);
                reladiff.arg(self.uri("large")).arg(table).arg(self.uri("large_copy")).arg(table).args(["-k", key]);
                reladiff.args(columns.split(' ').flat_map(|column| ["-c", column])).arg("--stats");
                reladiff.stderr(std::process::Stdio::null());
                reladiff
            };
            tables.map(one).into()
        };
        self.duel("the same rows; beside: reladiff, both tables at once", options.runs, beside, "large")
    }

    /// As SQLAlchemy has it.
    fn uri(&self, database: &str) -> String {
        let password = self.cluster.password().unwrap_or_default();
        format!("postgresql://postgres:{password}@127.0.0.1:{}/{database}", self.cluster.port())
    }

    /// The same once more, with some rows changed: the number has to be exact.
    fn changed(&self) -> Result<String> {
        let update = format!(
            "UPDATE accounts SET abalance = abalance + 1 WHERE aid % (SELECT greatest(max(aid) / {CHANGED}, 1) FROM accounts) = 0"
        );
        self.sql("large_copy", &update)?;
        let output = self.compare("large").output().map_err(|error| Error::from_source(&error))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let run = self.meter.run(vec![self.compare("large")])?;
        let exact =
            text.contains("2,000 rows only in expected, 2,000 only in actual") || text.contains("2,000 changed");
        if output.status.code() != Some(1) || !exact {
            return Err(Error::new(format!("2,000 changed rows were not found:\n{text}")));
        }
        Ok(line("2,000 changed rows among them, all found", None, &run, None))
    }

    /// Many small tables, beside pg_dump of one side.
    fn small(&self, options: &Options) -> Result<String> {
        println!("making {} small tables ...", options.tables);
        self.make_twin("small", &small_sql(options.tables))?;
        let title = format!("{} small tables; beside: pg_dump -Fc of one side", options.tables);
        let dump = || {
            let mut dump = Command::new(self.cluster.tools().program("pg_dump"));
            dump.arg("-Fc").arg("-d").arg(self.cluster.conninfo("small"));
            vec![dump]
        };
        self.duel(&title, options.runs, dump, "small")
    }

    fn duel(&self, title: &str, runs: usize, beside: impl Fn() -> Vec<Command>, database: &str) -> Result<String> {
        println!("{title}");
        let pairs = duel(&self.meter, runs, beside, || vec![self.compare(database)])?;
        for (beside, ours) in &pairs {
            println!("  {beside}   pgwitness {ours}   ratio {:.2}", ours.wall_s / beside.wall_s);
        }
        let ratio = median(pairs.iter().map(|(beside, ours)| ours.wall_s / beside.wall_s).collect());
        let of_cpu = median(pairs.iter().map(|(beside, ours)| ours.cpu_s / beside.cpu_s).collect());
        let beside = Run::median(pairs.iter().map(|(beside, _)| beside));
        let ours = Run::median(pairs.iter().map(|(_, ours)| ours));
        println!(
            "  medians: {:.2} / {:.2} = {:.2}; median of the ratios {ratio:.2}, of CPU seconds {of_cpu:.2}",
            ours.wall_s,
            beside.wall_s,
            ours.wall_s / beside.wall_s
        );
        Ok(line(title, Some(&beside), &ours, Some(ratio)))
    }

    /// Makes a database from SQL, and a twin of it.
    fn make_twin(&self, name: &str, sql: &str) -> Result<()> {
        self.sql("postgres", &format!("CREATE DATABASE {name}"))?;
        self.sql(name, sql)?;
        self.sql(name, "VACUUM ANALYZE")?;
        self.sql("postgres", &format!("CREATE DATABASE {name}_copy TEMPLATE {name}"))?;
        self.sql("postgres", "CHECKPOINT")
    }

    fn sql(&self, database: &str, sql: &str) -> Result<()> {
        let output = self.psql(database).arg("-c").arg(sql).output().map_err(|error| Error::from_source(&error))?;
        let complaint = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        if output.status.success() { Ok(()) } else { Err(Error::new(complaint)) }
    }

    fn psql(&self, database: &str) -> Command {
        let mut psql = Command::new(self.cluster.tools().program("psql"));
        psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d"]).arg(self.cluster.conninfo(database));
        psql
    }

    fn copy_all(&self, database: &str) -> Command {
        let mut psql = self.psql(database);
        psql.args(["-c", "COPY accounts TO STDOUT", "-c", "COPY payments TO STDOUT"]);
        psql
    }

    fn compare(&self, database: &str) -> Command {
        let mut compare = Command::new(env!("CARGO_BIN_EXE_pgwitness"));
        compare.args(["compare", "--quiet"]).arg(self.cluster.conninfo(database));
        compare.arg(self.cluster.conninfo(&format!("{database}_copy")));
        compare
    }
}

fn large_sql(rows: f64) -> String {
    let payments = rows * 0.4;
    format!(
        "CREATE TABLE accounts (aid integer PRIMARY KEY, bid integer, abalance integer, filler char(84));
         INSERT INTO accounts SELECT n, n / 100000 + 1, n % 1000, '' FROM generate_series(1, {rows}) AS n;
         CREATE TABLE payments (id bigint PRIMARY KEY, member_id bigint, amount numeric(12, 2), paid_at timestamptz, note text);
         INSERT INTO payments SELECT n, n % 50000, n % 10000 / 100.0, timestamptz '2024-01-01 00:00Z' + n * interval '7 s', md5(n::text)
         FROM generate_series(1, {payments}) AS n;"
    )
}

/// Every fourth table refers to the one before it. A COMMIT now and then: one transaction cannot lock everything.
fn small_sql(tables: u32) -> String {
    format!(
        "DO $$ BEGIN FOR i IN 1..{tables} LOOP
             EXECUTE format('CREATE TABLE t%s (id integer PRIMARY KEY, a integer, b bigint, c text, d numeric(10, 2), e timestamptz, \
                 f boolean, g date, h varchar(20), parent integer%s)', i, CASE WHEN i % 4 = 0 THEN format(' REFERENCES t%s', i - 1) END);
             EXECUTE format('INSERT INTO t%s SELECT n, n, n, ''text '' || n, n, ''2024-01-01 00:00Z'', true, ''2024-01-01'', ''x'', 1 \
                 FROM generate_series(1, 5) AS n', i);
             IF i % 200 = 0 THEN COMMIT; END IF;
         END LOOP; END $$"
    )
}

fn line(title: &str, beside: Option<&Run>, ours: &Run, ratio: Option<f64>) -> String {
    let seconds = |run: &Run| format!("{:.2} s", run.wall_s);
    let (beside, ratio) = (beside.map_or(String::new(), seconds), ratio.map_or(String::new(), |it| format!("{it:.2}")));
    format!("{title:58} {beside:>9} {:>10} {ratio:>9} {:>5} MiB", seconds(ours), ours.peak_mib)
}
