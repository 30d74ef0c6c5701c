//! `pgwitness demo`: prints each step of the demo while it runs.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::time::Instant;

use super::args::DemoArguments;
use super::inputs;
use super::terminal::{Terminal, print_note, print_result};
use crate::base::error::{Error, Result};
use crate::base::text::{grouped, wrap};
use crate::cli::demo_scenario::{self, DamageCase, Demo, DemoReport, DemoRun, SOURCE, WOUNDS};
use crate::endpoint::compare_endpoints::Comparison;
use crate::model::closing_state::ClosingState;
use crate::model::report::Report;
use crate::model::run::StepResult;
use crate::output::terminal::{self, Part, Style};
use crate::postgres::install::{self, InstallPlan};
use crate::postgres::tools::{CLIENT, PgTools, SERVER};
use crate::storage::reports::SignatureCheck;

/// Finds PostgreSQL, or installs it when the user agrees. There is nothing to clean up yet, so Ctrl-C simply ends the process.
///
/// # Errors
/// No PostgreSQL, and the installation is refused or impossible.
pub fn tools(arguments: &DemoArguments) -> Result<PgTools> {
    let required = [SERVER, CLIENT].concat();
    let path = inputs::environment("PATH");
    let find = || PgTools::find(arguments.pg_bindir.as_deref(), path.as_deref(), &required);
    let missing = match find() {
        Ok(tools) => return Ok(tools),
        Err(missing) => missing,
    };
    let which = |program: &str| {
        std::env::split_paths(path.as_deref().unwrap_or_default()).any(|dir| dir.join(program).is_file())
    };
    let is_root = is_root();
    // A named directory rules out another PostgreSQL.
    let plan = install::plan(&which, is_root).filter(|_| arguments.pg_bindir.is_none());
    let Some(plan) = plan else { return Err(missing) };
    if !may_install(&plan, arguments.yes, is_root)? {
        // Print the exact command as the hint.
        let who = if plan.lacks_root { "as root: " } else { "" };
        return Err(Error::new(missing.to_string()).hint(format!("{who}{plan}")));
    }
    print_note(&format!("installing PostgreSQL: {plan}"));
    install::run(&plan)?;
    find()
}

/// `--yes`, confirmed on a terminal, or root without a terminal, as in a container.
fn may_install(plan: &InstallPlan, is_told: bool, is_root: bool) -> Result<bool> {
    if plan.lacks_root || is_told || !io::stdin().is_terminal() {
        return Ok(!plan.lacks_root && (is_told || is_root));
    }
    print_note(&format!("There is no PostgreSQL here. This would install it:\n  {plan}"));
    write!(io::stderr(), "Install it now? [y/N] ")?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// A new file belongs to the user of the process.
fn is_root() -> bool {
    tempfile::tempfile().and_then(|file| file.metadata()).is_ok_and(|meta| meta.uid() == 0)
}

/// Runs the demo; 0 when exactly the damage that was done was found.
pub async fn run(tools: &PgTools) -> Result<u8> {
    // Start listening for Ctrl-C before the server starts.
    tokio::task::yield_now().await;
    let page = Page::new();
    page.intro()?;
    let start = Instant::now();
    let demo = Demo::start(tools, inputs::processors(), inputs::now)?;
    tokio::task::yield_now().await;
    page.done(&format!("a throw-away PostgreSQL {}", tools.version.text), start)?;
    let night = nights(&demo, &page).await?;
    paper(&demo, &page, &night)?;
    page.heading("4. Six copies, each with one deliberate damage")?;
    let mut exact = Vec::new();
    for (i, damage_case) in WOUNDS.iter().enumerate() {
        page.damage_case(i + 1, damage_case)?;
        exact.push(injure(&demo, &page, damage_case).await?);
    }
    drop(demo);
    page.summary(&exact)?;
    let missed: Vec<&str> = WOUNDS.iter().zip(&exact).filter(|(_, exact)| !**exact).map(|(w, _)| w.title).collect();
    if missed.is_empty() { Ok(0) } else { Err(not_named(&missed)) }
}

fn not_named(missed: &[&str]) -> Error {
    Error::new(format!("not found exactly: {}", missed.join(", ")))
        .hint("this is a fault of pgwitness: please report it with what is printed above")
}

async fn nights(demo: &Demo, page: &Page) -> Result<DemoRun> {
    page.heading("1. A nightly run: dump, restore, prove, sign")?;
    let start = Instant::now();
    demo.load().await?;
    page.done(&format!("{SOURCE}: a sports club, its members, entries and payments"), start)?;
    demo.init()?;
    page.command("pgwitness nightly --config club.toml")?;
    let first = night(demo, page).await?;
    page.heading("2. The next run")?;
    demo.change().await?;
    page.text("one member changes her name; everything else is unchanged")?;
    page.command("pgwitness nightly --config club.toml")?;
    let second = night(demo, page).await?;
    let kept = second.backups.first().map(String::as_str).unwrap_or_default();
    let removed = first.backups.iter().find(|id| !second.backups.contains(id)).map(String::as_str).unwrap_or_default();
    page.text(&format!("keep_last = 1: {removed} was removed, only after {kept} was verified"))?;
    Ok(second)
}

/// Prints one run from its report.
async fn night(demo: &Demo, page: &Page) -> Result<DemoRun> {
    let start = Instant::now();
    let mut night = demo.night().await?;
    let told = night.report.night.as_ref().into_iter().flat_map(|night| &night.steps);
    for step in told.filter(|step| step.result == StepResult::Done) {
        page.step(&step.name.replace('_', " "), step.duration_ms)?;
    }
    let coverage = &night.report.coverage;
    let dump = night.report.night.as_ref().and_then(|night| night.dump.as_ref());
    let counts = format!(
        "{} rows in {} tables, {} objects, {} foreign keys, {} assertions; a dump of {} kB in {} files",
        grouped(coverage.rows_expected),
        coverage.tables_compared,
        coverage.objects_expected,
        coverage.foreign_keys,
        coverage.assertions,
        grouped(dump.map_or(0, |dump| dump.bytes / 1000)),
        dump.map_or(0, |dump| dump.files.len())
    );
    page.done(&counts, start)?;
    if !night.report.verdict.is_sound() {
        page.entries(&night.report)?;
        return Err(Error::new(night.report.verdict_line).context("verify the copy, which is not wounded yet"));
    }
    match night.problem.take() {
        Some(problem) => Err(problem),
        None => page.good(&night.report.verdict_line).map(|()| night),
    }
}

fn paper(demo: &Demo, page: &Page, night: &DemoRun) -> Result<()> {
    page.heading("3. A signed report")?;
    let paper: DemoReport = demo.verify(night)?;
    page.command("pgwitness report verify report.json --allowed-signers allowed_signers")?;
    match &paper.check {
        SignatureCheck::Good(_) => page.good(&paper.check.to_string())?,
        bad => return Err(Error::new(bad.to_string()).context("verify the report that was just signed")),
    }
    if let Some(said) = paper.ask_ssh_keygen()? {
        page.command(&format!("ssh-keygen -Y verify -f allowed_signers -I {} \\", demo_scenario::IDENTITY))?;
        print_result("       -n pgwitness-report -s report.json.sig < report.json\n")?;
        page.good(&said)?;
    }
    page.text("the same after one bit of the report was changed:")?;
    match paper.forge()? {
        SignatureCheck::Good(_) => Err(Error::new("a forged report was accepted as good")),
        bad => page.good(&bad.to_string()),
    }
}

async fn injure(demo: &Demo, page: &Page, damage_case: &DamageCase) -> Result<bool> {
    let start = Instant::now();
    let comparison = demo.damage_case(damage_case).await?;
    let is_exact = demo_scenario::is_exact(damage_case, &comparison.outcome);
    page.findings(&comparison)?;
    if is_exact {
        page.done(&page.style.green("✓ named, and nothing else"), start)?;
    } else {
        page.text(&page.style.red(&format!("✗ should have been found: {}", damage_case.expected().join(", "))))?;
    }
    Ok(is_exact)
}

/// Prints the demo.
struct Page {
    style: Style,
}

impl Page {
    fn new() -> Self {
        let style = Terminal::stdout().style(false);
        // Long text is easier to read in a narrow column, in a file too.
        Self { style: Style { width: style.width.min(80), ..style } }
    }

    fn lines(&self, indent: usize, text: &str) -> Result<()> {
        let wrapped = text.lines().flat_map(|line| wrap(line, self.style.width - indent));
        print_result(&wrapped.map(|line| format!("{:indent$}{line}\n", "")).collect::<String>())
    }

    fn intro(&self) -> Result<()> {
        self.lines(0, &self.style.bold("pgwitness demo"))?;
        self.lines(
            0,
            "On a server of its own, which is removed at the end. No other database is touched. Ctrl-C ends it at any time.",
        )
    }

    fn heading(&self, text: &str) -> Result<()> {
        print_result(&format!("\n{}\n", self.style.bold(text)))
    }

    fn text(&self, text: &str) -> Result<()> {
        self.lines(3, text)
    }

    fn good(&self, text: &str) -> Result<()> {
        let wrapped = wrap(text, self.style.width - 5);
        let lines = wrapped.iter().enumerate();
        let marked = lines.map(|(i, line)| format!("   {} {line}", if i == 0 { "✓" } else { " " }));
        print_result(&marked.map(|line| format!("{}\n", self.style.green(&line))).collect::<String>())
    }

    fn command(&self, text: &str) -> Result<()> {
        print_result(&format!("   {} {text}\n", self.style.dim("$")))
    }

    /// Prints what was done, and how long it took.
    fn done(&self, text: &str, start: Instant) -> Result<()> {
        let took = format!("({:.1} s)", start.elapsed().as_secs_f32());
        self.lines(3, &format!("{text} {}", self.style.dim(&took)))
    }

    /// Prints one step of a run.
    fn step(&self, name: &str, duration_ms: u64) -> Result<()> {
        self.lines(
            5,
            &format!(
                "{name:<10} {}",
                self.style.dim(&format!("{}.{} s", duration_ms / 1000, duration_ms % 1000 / 100))
            ),
        )
    }

    fn damage_case(&self, number: usize, damage_case: &DamageCase) -> Result<()> {
        let why = wrap(damage_case.why(), self.style.width - 5);
        let why = why.iter().map(|line| self.style.bold(line)).collect::<Vec<_>>().join("\n     ");
        print_result(&format!("\n   {} {why}\n", self.style.bold(&number.to_string())))?;
        // Keep the lines of the SQL as they are.
        let sql = damage_case.sql();
        print_result(&sql.lines().map(|line| format!("     {}\n", self.style.dim(line))).collect::<String>())
    }

    /// Prints the findings without the counting line and without empty lines.
    fn findings(&self, comparison: &Comparison) -> Result<()> {
        let style = Style { width: self.style.width - 5, ..self.style };
        let text = terminal::findings_text(&comparison.outcome.findings, style);
        let lines = text.lines().skip(1).filter(|line| !line.is_empty());
        let bar = self.style.dim("│");
        print_result(&lines.map(|line| format!("   {bar} {line}\n")).collect::<String>())
    }

    /// Prints the findings and what could not be checked.
    fn entries(&self, report: &Report) -> Result<()> {
        print_result(&terminal::report(report, &ClosingState::Nothing, Some(Part::Findings), self.style))
    }

    fn summary(&self, exact: &[bool]) -> Result<()> {
        self.heading("Summary")?;
        for (damage_case, is_exact) in WOUNDS.iter().zip(exact) {
            let mark = if *is_exact { self.style.green("✓") } else { self.style.red("✗") };
            for (i, expected) in damage_case.expected().iter().enumerate() {
                let (mark, title) = if i == 0 { (mark.as_str(), damage_case.title) } else { (" ", "") };
                print_result(&format!("   {mark} {title:<12} {expected}\n"))?;
            }
        }
        let count = exact.iter().filter(|exact| **exact).count();
        self.text(&format!("{count} of {} damages found exactly. The server was removed.", exact.len()))?;
        self.heading("With your own databases")?;
        print_result(NEXT)
    }
}

const NEXT: &str = "   pgwitness config example toml > pgwitness.toml
   pgwitness nightly --config pgwitness.toml
   pgwitness compare postgresql://USER@HOST/DATABASE dbname=COPY
   pgwitness compare FILE.dump dbname=COPY
   pgwitness keygen KEY
   pgwitness compare dbname=DATABASE dbname=COPY --report DIR --key KEY
   pgwitness report verify DIR/REPORT --allowed-signers ALLOWED_SIGNERS
   pgwitness digest-sql SCHEMA.TABLE -d dbname=DATABASE
";
