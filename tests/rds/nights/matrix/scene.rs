//! A machine with a good old dump, and a night on it that can be struck at a chosen point.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::fake_rds::{Action, Life, Moment, PasswordChange, Stage};
use crate::nights::machine::Machine;
use crate::support::night::names;

/// No night here takes longer.
const LONGEST: Duration = Duration::from_secs(150);

/// The directories after one sound night, to begin from.
pub struct Template(Machine);

/// What strikes, and where.
#[derive(Clone)]
pub enum Strike {
    /// Nothing from outside: what was arranged is enough.
    None,
    /// At this call to AWS, the first one in the step.
    Call(Action, Moment, Signal),
    /// As soon as the journal says that the step has begun.
    Begun(Signal),
    /// When there is a file of this name: `REACHED` by a program that then sleeps, or one that the night writes itself.
    File(&'static str, Signal),
    /// At the first connection to the temporary instance in the step.
    Connection(Signal),
}

/// Made by wrapped programs and hooks once they are at work.
pub const REACHED: &str = "reached";

/// A machine and one row's place in it.
pub struct Scene {
    pub machine: Machine,
    /// Begins the name of every database of this scene.
    pub copy: String,
    /// The dump that must survive.
    pub old: String,
}

impl Strike {
    pub fn signal(&self) -> Option<Signal> {
        match self {
            Self::None => None,
            Self::Call(_, _, signal) | Self::Begun(signal) | Self::File(_, signal) | Self::Connection(signal) => {
                Some(*signal)
            }
        }
    }
}

/// As short as a life can be.
pub fn short_life() -> Life {
    Life {
        stages: vec![Stage::new("creating", 1), Stage::new("available", u32::MAX)],
        password: PasswordChange { pending: 0, resetting: 0, late: Duration::ZERO },
        deleting: 1,
        ..Life::default()
    }
}

/// In memory, steps that only move files are over before a signal comes.
fn on_disk(copy: &str) -> Machine {
    Machine::new_in(&std::env::temp_dir(), copy)
}

impl Scene {
    /// One sound night, whose directories every row begins with.
    pub fn template() -> Template {
        let machine = on_disk("matrix_template");
        machine.aws.set_life(short_life());
        machine.scenario.demand(&["nightly"], 0);
        Template(machine)
    }

    pub fn new(number: usize, template: &Template) -> Self {
        let copy = format!("matrix{number:03}");
        let mut machine = on_disk(&copy);
        machine.scenario.set("retention", "keep_last = 5");
        machine.aws.set_life(short_life());
        for name in ["backups", "reports", "state"] {
            fs::remove_dir_all(machine.scenario.path(name)).ok();
            copy_tree(&template.0.scenario.path(name), &machine.scenario.path(name));
        }
        let old = machine.scenario.backups("verified").remove(0);
        Self { machine, copy, old }
    }

    /// Runs a night and strikes; the answer is what was said, and how it ended.
    pub fn night(&self, step: &'static str, strike: &Strike) -> (Output, PathBuf) {
        let journals = Arc::new(Journals::of(&self.machine.scenario.path("state")));
        let target = Arc::new(AtomicI32::new(0));
        self.prepare(step, strike, &journals, &target);
        let mut command = self.machine.scenario.command(&["nightly"]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        target.store(child.id().cast_signed(), Ordering::SeqCst);
        let over = Arc::new(AtomicBool::new(false));
        let watcher = self.watch(step, strike, &journals, &child, &over);
        let output = wait(child, &over);
        over.store(true, Ordering::SeqCst);
        watcher.into_iter().for_each(|thread| thread.join().unwrap());
        self.machine.aws.clear_hooks();
        self.machine.aws.on_connection(|_| ());
        (output, journals.new_one().unwrap_or_default())
    }

    fn prepare(&self, step: &'static str, strike: &Strike, journals: &Arc<Journals>, target: &Arc<AtomicI32>) {
        let (journals, target) = (journals.clone(), target.clone());
        let struck = AtomicBool::new(false);
        let once = move |signal: Signal| {
            let is_in_step = journals.last_started().as_deref() == Some(step);
            if is_in_step && !struck.swap(true, Ordering::SeqCst) {
                send(target.load(Ordering::SeqCst), signal);
                // What was told to end gives up the call before it goes on.
                std::thread::sleep(Duration::from_millis(700));
            }
        };
        match *strike {
            Strike::Call(action, moment, signal) => self.machine.aws.hook(action, moment, move |_| once(signal)),
            Strike::Connection(signal) => self.machine.aws.on_connection(move |_| once(signal)),
            _ => {}
        }
    }

    /// Looks all the time, so that the blow comes before the step is over.
    fn watch(
        &self,
        step: &'static str,
        strike: &Strike,
        journals: &Arc<Journals>,
        child: &Child,
        over: &Arc<AtomicBool>,
    ) -> Option<std::thread::JoinHandle<()>> {
        let (journals, over, pid) = (journals.clone(), over.clone(), child.id().cast_signed());
        let (is_there, signal): (Box<dyn Fn() -> bool + Send>, Signal) = match *strike {
            Strike::Begun(signal) => (Box::new(move || journals.last_started().as_deref() == Some(step)), signal),
            Strike::File(REACHED, signal) => {
                let path = self.machine.scenario.path(REACHED);
                (Box::new(move || path.exists()), signal)
            }
            Strike::File(name, signal) => {
                let reports = self.machine.scenario.path("reports");
                let before: BTreeSet<String> = names(&reports).into_iter().collect();
                let is_new = move || names(&reports).iter().find(|name| !before.contains(*name)).cloned();
                let reports = self.machine.scenario.path("reports");
                (Box::new(move || is_new().is_some_and(|folder| reports.join(folder).join(name).exists())), signal)
            }
            _ => return None,
        };
        Some(std::thread::spawn(move || {
            while !over.load(Ordering::SeqCst) {
                if is_there() {
                    send(pid, signal);
                    return;
                }
                std::thread::sleep(Duration::from_micros(300));
            }
        }))
    }

    /// Does something as soon as something is so.
    pub fn when(&self, is_so: impl Fn() -> bool + Send + 'static, act: impl FnOnce() + Send + 'static) {
        let deadline = Instant::now() + LONGEST;
        std::thread::spawn(move || {
            while Instant::now() < deadline {
                if is_so() {
                    return act();
                }
                std::thread::sleep(Duration::from_micros(300));
            }
        });
    }

    /// Does something as soon as the next night's journal says that this step has begun.
    pub fn when_begun(&self, step: &'static str, act: impl FnOnce() + Send + 'static) {
        let journals = Journals::of(&self.machine.scenario.path("state"));
        self.when(move || journals.last_started().as_deref() == Some(step), act);
    }

    /// Reports by the name of their directory, which was not there before.
    pub fn reports_after(&self, before: &[String]) -> Vec<(String, Value)> {
        let dir = self.machine.scenario.path("reports");
        let read = |name: String| {
            let bytes = fs::read(dir.join(&name).join("report.json")).ok()?;
            Some((name, serde_json::from_slice(&bytes).unwrap()))
        };
        names(&dir).into_iter().filter(|name| !before.contains(name)).filter_map(read).collect()
    }
}

fn send(pid: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid) {
        kill_process(pid, signal).ok();
    }
}

/// A night that hangs is ended, and the row fails.
fn wait(child: Child, over: &Arc<AtomicBool>) -> Output {
    let (pid, over, began) = (child.id().cast_signed(), over.clone(), Instant::now());
    std::thread::spawn(move || {
        while !over.load(Ordering::SeqCst) && began.elapsed() < LONGEST {
            std::thread::sleep(Duration::from_millis(50));
        }
        if !over.load(Ordering::SeqCst) {
            send(pid, Signal::ABORT);
        }
    });
    child.wait_with_output().unwrap()
}

/// The journals of one machine, and which of them is new.
pub struct Journals {
    runs: PathBuf,
    before: BTreeSet<String>,
    /// What was read last: the length then, and the step. A journal only grows, and is looked at thousands of times a second.
    read: Mutex<(u64, Option<String>)>,
}

impl Journals {
    pub fn of(state: &Path) -> Self {
        let runs = state.join("runs");
        let before = names(&runs).into_iter().chain(names(&runs.join("closed"))).collect();
        Self { runs, before, read: Mutex::default() }
    }

    /// Open or closed.
    pub fn new_one(&self) -> Option<PathBuf> {
        for dir in [self.runs.clone(), self.runs.join("closed")] {
            let is_new = |name: &String| name.ends_with(".journal") && !self.before.contains(name);
            if let Some(name) = names(&dir).into_iter().find(is_new) {
                return Some(dir.join(name));
            }
        }
        None
    }

    /// The last step that the new journal says has begun and not ended.
    fn last_started(&self) -> Option<String> {
        let journal = self.new_one()?;
        let length = fs::metadata(&journal).ok()?.len();
        let mut read = self.read.lock().unwrap();
        if read.0 != length {
            *read = (length, started(&entries(&journal)));
        }
        read.1.clone()
    }
}

fn started(entries: &[Value]) -> Option<String> {
    let last = entries.iter().rev().find(|entry| ["step_started", "step_ended"].contains(&kind(entry)))?;
    (kind(last) == "step_started").then(|| last["step"].as_str().unwrap_or_default().to_owned())
}

/// Whole lines.
pub fn entries(journal: &Path) -> Vec<Value> {
    let text = fs::read_to_string(journal).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

pub fn kind(entry: &Value) -> &str {
    entry["entry"].as_str().unwrap_or_default()
}

fn copy_tree(from: &Path, to: &Path) {
    let status = std::process::Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(status.success());
}
