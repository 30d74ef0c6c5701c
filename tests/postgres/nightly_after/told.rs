//! A night tells people: by mail, webhook and ping, on real servers, in the order and the words that fit its end.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::nightly_after::small;
use crate::support::night::{NightWorld, said, text};
use crate::support::notify_scenario::{PASSWORD, Stage};
use crate::support::smtp::{Smtp, Ways};
use crate::support::web_server::{Answer, Web};

/// Everybody who is told, and what they have heard.
pub struct Ears {
    _stage: Stage,
    _servers: tokio::runtime::Runtime,
    mail: Smtp,
    hook: Web,
    ping: Web,
}

impl Ears {
    pub fn open(world: &mut NightWorld, hook: &[Answer], ping: &[Answer]) -> Self {
        let stage = Stage::new();
        let mail = Smtp::start(&stage, &Ways { starttls: true, ..Ways::default() });
        let servers = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (hook, ping) = servers.block_on(async { (Web::start(hook).await, Web::start(ping).await) });
        let mut add = |name: &str, lines: Vec<String>| world.sections.push((name.to_owned(), lines));
        add(
            "notify.email",
            vec![
                "host = \"localhost\"".into(),
                format!("port = {}", mail.port),
                text("ca_bundle", stage.authority.bundle()),
                "username = \"backup\"".into(),
                text("password_file", stage.secret("password", PASSWORD)),
                "from = \"backup@example.org\"".into(),
                "to = [\"admin@example.org\"]".into(),
            ],
        );
        add("notify.webhook", vec![format!("url = {:?}", hook.url("/hook"))]);
        add("notify.ping", vec![text("url_file", stage.secret("ping", &ping.url("/secret-ping-id")))]);
        Self { _stage: stage, _servers: servers, mail, hook, ping }
    }

    /// The subject of each mail.
    fn subjects(&self) -> Vec<String> {
        let subject = |bytes: &Vec<u8>| {
            let message = mail_parser::MessageParser::default().parse(bytes).unwrap();
            message.subject().unwrap().to_owned()
        };
        self.mail.log(|log| log.messages.iter().map(subject).collect())
    }

    fn hooks(&self) -> Vec<Value> {
        self.hook.calls().iter().map(|call| serde_json::from_str(&call.body).unwrap()).collect()
    }

    /// The last parts of the paths, in order.
    fn pings(&self) -> Vec<String> {
        let last = |target: &String| target.split('?').next().unwrap().rsplit('/').next().unwrap().to_owned();
        self.ping.targets().iter().map(last).collect()
    }

    /// Everything that left the machine.
    pub fn all(&self) -> String {
        let mails = self.mail.log(|log| {
            let parse = |bytes: &Vec<u8>| {
                let message = mail_parser::MessageParser::default().parse(bytes).unwrap();
                format!("{}{}", message.body_text(0).unwrap(), message.body_html(0).unwrap())
            };
            log.messages.iter().map(parse).collect::<String>()
        });
        let calls = self.hook.calls().into_iter().chain(self.ping.calls());
        mails + &calls.map(|call| call.body).collect::<String>()
    }
}

fn night(world: &NightWorld, code: i32) -> String {
    world.demand(&["nightly"], code)
}

/// What pg_restore would do, and this to the copy.
fn wound(world: &mut NightWorld, sql: &str) {
    let script = format!(
        "\"$REAL/pg_restore\" \"$@\"; code=$?
        DB=$(echo \"$*\" | grep -o 'copy_of_told_[a-z]*_[0-9a-f]*' | head -1)
        [ -n \"$DB\" ] && \"$REAL/psql\" -X -q -d \"$DB\" -c \"{sql}\" >/dev/null
        exit $code"
    );
    world.wrap("pg_restore", &script);
}

fn closing(world: &NightWorld) -> Value {
    let night = world.nights().pop().unwrap();
    serde_json::from_slice(&fs::read(night.join("closing.json")).unwrap()).unwrap()
}

#[test]
fn a_clean_night_is_told_once_to_each_and_the_dead_mans_switch_last() {
    let (_database, mut world) = small("told_clean");
    let ears = Ears::open(&mut world, &[], &[]);
    night(&world, 0);
    let report = world.report();
    assert_eq!(ears.subjects().len(), 1);
    assert!(ears.subjects()[0].contains("sound"), "{:?}", ears.subjects());
    let hook = &ears.hooks()[0];
    assert_eq!((&hook["answer"], &hook["exit_code"], &hook["run_id"]), (&"sound".into(), &0.into(), &report["run_id"]));
    assert_eq!(hook["coverage"]["tables_compared"], 2);
    assert_eq!(ears.pings(), ["start", "secret-ping-id"]);
    let steps =
        closing(&world)["steps"].as_array().unwrap().iter().map(|step| step["name"].clone()).collect::<Vec<_>>();
    assert_eq!(steps, ["place_backup", "keep_copy", "drop_copy", "prune", "notify"]);
}

#[test]
fn a_damaged_night_is_told_as_one_and_no_value_leaves_the_machine() {
    let (_database, mut world) = small("told_damaged");
    let ears = Ears::open(&mut world, &[], &[]);
    wound(&mut world, "UPDATE public.orders SET note = note || '!' WHERE id = 17");
    let said = night(&world, 1);
    assert!(said.contains("canary-value-17"), "the terminal and the report have it: {said}");
    assert!(ears.subjects()[0].contains("DAMAGED"), "{:?}", ears.subjects());
    assert_eq!((&ears.hooks()[0]["answer"], ears.hooks().len()), (&"damaged".into(), 1));
    assert_eq!(ears.pings(), ["start", "fail"]);
    let all = ears.all();
    assert!(all.contains("public.orders") && !all.contains("canary-value"), "{all}");
}

#[test]
fn who_asks_for_values_gets_them() {
    let (_database, mut world) = small("told_values");
    let ears = Ears::open(&mut world, &[], &[]);
    world.sections.push(("notify".into(), vec!["values = true".into()]));
    wound(&mut world, "DELETE FROM public.orders WHERE id = 17");
    night(&world, 1);
    assert!(ears.all().contains("canary-value-17"), "{}", ears.all());
}

#[test]
fn a_night_that_cannot_even_begin_is_told_too() {
    let (_database, mut world) = small("told_not_begun");
    let ears = Ears::open(&mut world, &[], &[]);
    // Somebody else is at it.
    let lock = fs::OpenOptions::new().create(true).write(true).truncate(false).open(world.path("state/lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive).unwrap();
    night(&world, 2);
    assert!(ears.subjects()[0].contains("inconclusive"), "{:?}", ears.subjects());
    assert_eq!((&ears.hooks()[0]["answer"], ears.pings()), (&"inconclusive".into(), vec!["fail".to_owned()]));
    assert!(ears.hooks()[0]["error"].as_str().unwrap().contains("lock"), "{}", ears.hooks()[0]);
}

#[test]
fn whom_nobody_could_tell_makes_a_sound_night_exit_with_3_and_is_on_paper_and_on_the_page() {
    let (_database, mut world) = small("told_in_vain");
    let refused = [Answer::Status(404)];
    let ears = Ears::open(&mut world, &refused, &[]);
    let said = night(&world, 3);
    assert!(said.contains("webhook") && said.contains("404"), "{said}");
    // Nobody is told that all is well.
    assert_eq!(ears.pings(), ["start", "fail"]);
    assert_eq!((world.report()["verdict"].as_str(), world.backups("verified").len()), (Some("sound"), 1));
    let closing = closing(&world);
    assert_eq!(closing["exit_code"], 3);
    assert!(closing["troubles"][0].as_str().unwrap().contains("404"), "{closing}");
    let page = fs::read_to_string(world.nights()[0].join("report.html")).unwrap();
    assert!(page.contains("404"), "{page}");
}

#[test]
fn a_switch_that_could_not_be_reached_at_the_end_is_still_on_paper() {
    let (_database, mut world) = small("told_no_switch");
    let unreachable = [Answer::Status(200), Answer::Status(410)];
    let ears = Ears::open(&mut world, &[], &unreachable);
    let said = night(&world, 3);
    assert!(said.contains("410") && !said.contains("secret-ping-id"), "{said}");
    assert_eq!(ears.pings(), ["start", "secret-ping-id"]);
    let closing = closing(&world);
    assert_eq!(closing["exit_code"], 3);
    assert!(closing["troubles"][0].as_str().unwrap().contains("410"), "{closing}");
    assert!(fs::read_to_string(world.nights()[0].join("report.html")).unwrap().contains("410"));
    assert_eq!(world.open_journals(), Vec::<String>::new());
}

#[test]
fn who_was_told_too_early_that_all_is_well_is_told_again() {
    let (_database, mut world) = small("told_again");
    let ears = Ears::open(&mut world, &[], &[Answer::Status(200), Answer::Status(410)]);
    night(&world, 3);
    let answers: Vec<Value> = ears.hooks().iter().map(|hook| hook["answer"].clone()).collect();
    assert_eq!(answers, ["sound", "sound_but"]);
    assert_eq!(ears.subjects().len(), 2);
}

#[test]
fn pages_that_cannot_be_written_are_known_before_anybody_is_told() {
    let (_database, mut world) = small("told_after_pages");
    let ears = Ears::open(&mut world, &[], &[]);
    fs::write(world.path("reports/index.html"), "<p>of somebody else").unwrap();
    night(&world, 3);
    let answers: Vec<Value> = ears.hooks().iter().map(|hook| hook["answer"].clone()).collect();
    assert_eq!((answers, ears.pings()[1].as_str()), (vec!["sound_but".into()], "fail"));
}

#[test]
fn a_signal_in_the_closing_is_told_too() {
    let (_database, mut world) = small("told_stopped_late");
    let ears = Ears::open(&mut world, &[], &[]);
    let reached = world.path("reached");
    let hook = format!("after_verified = [\"/bin/sh\", \"-c\", \"touch {}; exec sleep 1000\"]", reached.display());
    world.set("hooks", &hook);
    let output = stopped(&world, &reached);
    assert_eq!(output.status.code(), Some(143), "{}", said(&output));
    assert_eq!((&ears.hooks()[0]["answer"], ears.pings()[1].as_str()), (&"interrupted".into(), "fail"));
}

/// Ends the night by SIGTERM as soon as this file is there.
fn stopped(world: &NightWorld, reached: &std::path::Path) -> std::process::Output {
    let mut command = world.command(&["nightly"]);
    let child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    while !reached.exists() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    kill_process(Pid::from_raw(child.id().try_into().unwrap()).unwrap(), Signal::TERM).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn a_night_that_was_told_to_stop_says_so() {
    let (_database, mut world) = small("told_stopped");
    let ears = Ears::open(&mut world, &[], &[]);
    let reached = world.path("reached");
    world.wrap("pg_dump", &format!("touch {}; exec sleep 1000", reached.display()));
    let output = stopped(&world, &reached);
    assert_eq!(output.status.code(), Some(143), "{}", said(&output));
    assert_eq!((&ears.hooks()[0]["answer"], ears.pings()[1].as_str()), (&"interrupted".into(), "fail"));
    assert_eq!(ears.subjects().len(), 1);
}
