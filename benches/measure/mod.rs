//! Wall time, CPU time and peak memory of commands, contestants by turns. Linux only, as far as CPU and memory go: elsewhere they are 0.

use std::fmt;
use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pgwitness::base::error::{Error, Result};
use pgwitness::postgres::server::Cluster;

/// Linux counts CPU time for users in hundredths of a second.
const TICKS_PER_S: f64 = 100.0;

/// What some commands took that ran at the same time.
#[derive(Debug, Clone)]
pub struct Run {
    /// From the first start to the last end.
    pub wall_s: f64,
    /// Of the commands and of the server's sessions.
    pub cpu_s: f64,
    /// The largest resident memory of one command.
    pub peak_mib: u64,
}

impl Run {
    /// The median of each number.
    pub fn median<'a>(runs: impl Iterator<Item = &'a Self> + Clone) -> Self {
        Self {
            wall_s: median(runs.clone().map(|run| run.wall_s).collect()),
            cpu_s: median(runs.clone().map(|run| run.cpu_s).collect()),
            peak_mib: runs.map(|run| run.peak_mib).max().unwrap_or(0),
        }
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:6.2} s ({:5.2} s of CPU, {} MiB)", self.wall_s, self.cpu_s, self.peak_mib)
    }
}

/// Measures commands that talk to one server.
pub struct Meter {
    postmaster: String,
}

impl Meter {
    /// For this server.
    pub fn new(cluster: &Cluster) -> Result<Self> {
        let path = cluster.data_dir().join("postmaster.pid");
        let text = fs::read_to_string(path).map_err(|error| Error::from_source(&error))?;
        Ok(Self { postmaster: text.lines().next().unwrap_or_default().to_owned() })
    }

    /// Runs commands at the same time, their output thrown away, to their ends. A verdict (0 or 1) is a success.
    pub fn run(&self, commands: Vec<Command>) -> Result<Run> {
        let (before, started) = (self.cpu_s(), Instant::now());
        let start = |mut command: Command| command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        let children: std::io::Result<Vec<Child>> = commands.into_iter().map(start).collect();
        let mut children = children.map_err(|error| Error::from_source(&error))?;
        let (mut peak_kib, mut is_running) = (0, true);
        while is_running {
            std::thread::sleep(Duration::from_millis(2));
            is_running = false;
            for child in &mut children {
                peak_kib = peak_kib.max(peak_kib_of(child.id()));
                match child.try_wait().map_err(|error| Error::from_source(&error))? {
                    Some(status) if status.code().is_some_and(|code| code < 2) => {}
                    Some(status) => return Err(Error::new(format!("a command that is measured: {status}"))),
                    None => is_running = true,
                }
            }
        }
        let wall_s = started.elapsed().as_secs_f64();
        // The server counts a session once it has seen its end.
        std::thread::sleep(Duration::from_millis(200));
        Ok(Run { wall_s, cpu_s: self.cpu_s() - before, peak_mib: peak_kib / 1024 })
    }

    /// Of ended children: ours are the commands, the postmaster's are the sessions.
    fn cpu_s(&self) -> f64 {
        ["self", &self.postmaster].into_iter().map(cpu_s_of_children).sum()
    }
}

/// Fields 16 and 17 of /proc/PID/stat. Field 2, the command, may contain anything, but is in brackets.
fn cpu_s_of_children(process: &str) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let after_command = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    after_command.split_whitespace().skip(13).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>()
        / TICKS_PER_S
}

fn peak_kib_of(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// By turns, after one run of each that does not count.
pub fn duel(
    meter: &Meter,
    runs: usize,
    beside: impl Fn() -> Vec<Command>,
    ours: impl Fn() -> Vec<Command>,
) -> Result<Vec<(Run, Run)>> {
    meter.run(beside())?;
    meter.run(ours())?;
    (0..runs.max(1)).map(|_| Ok((meter.run(beside())?, meter.run(ours())?))).collect()
}

/// The one in the middle; of two the mean.
pub fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let middle = |index: usize| numbers.get(index).copied().unwrap_or(0.0);
    (middle(numbers.len() / 2) + middle(numbers.len().saturating_sub(1) / 2)) / 2.0
}
