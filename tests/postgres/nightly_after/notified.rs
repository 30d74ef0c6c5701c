//! A night tells people: by mail, webhook and ping, on real servers, in the order and the words that fit its end.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::nightly_after::small;
use crate::support::night::{NightlyScenario, said, text};
use crate::support::notify_scenario::{PASSWORD, Scenario};
use crate::support::smtp::{Smtp, Ways};
use crate::support::web_server::{Answer, Web};

/// The notification channels, and what each has received.
pub struct Channels {
    _scenario: Scenario,
    _servers: tokio::runtime::Runtime,
    mail: Smtp,
    hook: Web,
    ping: Web,
}

impl Channels {
    pub fn open(scenario: &mut NightlyScenario, hook: &[Answer], ping: &[Answer]) -> Self {
        let receivers = Scenario::new();
        let mail = Smtp::start(&receivers, &Ways { starttls: true, ..Ways::default() });
        let servers = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (hook, ping) = servers.block_on(async { (Web::start(hook).await, Web::start(ping).await) });
        let mut add = |name: &str, lines: Vec<String>| scenario.sections.push((name.to_owned(), lines));
        add(
            "notify.email",
            vec![
                "host = \"localhost\"".into(),
                format!("port = {}", mail.port),
                text("ca_bundle", receivers.authority.bundle()),
                "username = \"backup\"".into(),
                text("password_file", receivers.secret("password", PASSWORD)),
                "from = \"backup@example.org\"".into(),
                "to = [\"admin@example.org\"]".into(),
            ],
        );
        add("notify.webhook", vec![format!("url = {:?}", hook.url("/hook"))]);
        add("notify.ping", vec![text("url_file", receivers.secret("ping", &ping.url("/secret-ping-id")))]);
        Self { _scenario: receivers, _servers: servers, mail, hook, ping }
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
        self.each().concat() + &self.ping.calls().into_iter().map(|call| call.body).collect::<String>()
    }

    /// Every mail, on one line, and every webhook.
    pub fn each(&self) -> Vec<String> {
        let parse = |bytes: &Vec<u8>| {
            let message = mail_parser::MessageParser::default().parse(bytes).unwrap();
            let text = message.body_text(0).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
            format!("{text}{}", message.body_html(0).unwrap())
        };
        let mails: Vec<String> = self.mail.log(|log| log.messages.iter().map(parse).collect());
        mails.into_iter().chain(self.hook.calls().into_iter().map(|call| call.body)).collect()
    }
}

fn night(scenario: &NightlyScenario, code: i32) -> String {
    scenario.demand(&["nightly"], code)
}

/// What pg_restore would do, and this to the copy.
fn damage(scenario: &mut NightlyScenario, sql: &str) {
    let script = format!(
        "\"$REAL/pg_restore\" \"$@\"; code=$?
        DB=$(echo \"$*\" | grep -o 'copy_of_told_[a-z]*_[0-9a-f]*' | head -1)
        [ -n \"$DB\" ] && \"$REAL/psql\" -X -q -d \"$DB\" -c \"{sql}\" >/dev/null
        exit $code"
    );
    scenario.wrap("pg_restore", &script);
}

fn closing(scenario: &NightlyScenario) -> Value {
    let night = scenario.nights().pop().unwrap();
    serde_json::from_slice(&fs::read(night.join("closing.json")).unwrap()).unwrap()
}

#[test]
fn a_sound_run_notifies_each_channel_once_and_the_health_check_last() {
    let (_database, mut scenario) = small("told_clean");
    let channels = Channels::open(&mut scenario, &[], &[]);
    night(&scenario, 0);
    let report = scenario.report();
    assert_eq!(channels.subjects().len(), 1);
    assert!(channels.subjects()[0].contains("sound"), "{:?}", channels.subjects());
    let hook = &channels.hooks()[0];
    assert_eq!((&hook["answer"], &hook["exit_code"], &hook["run_id"]), (&"sound".into(), &0.into(), &report["run_id"]));
    assert_eq!(hook["coverage"]["tables_compared"], 2);
    assert_eq!(channels.pings(), ["start", "secret-ping-id"]);
    let steps =
        closing(&scenario)["steps"].as_array().unwrap().iter().map(|step| step["name"].clone()).collect::<Vec<_>>();
    assert_eq!(steps, ["place_backup", "keep_copy", "drop_copy", "prune", "notify"]);
}

#[test]
fn a_damaged_run_is_notified_as_damaged_and_no_value_leaves_the_machine() {
    let (_database, mut scenario) = small("told_damaged");
    let channels = Channels::open(&mut scenario, &[], &[]);
    damage(&mut scenario, "UPDATE public.orders SET note = note || '!' WHERE id = 17");
    let said = night(&scenario, 1);
    assert!(said.contains("canary-value-17"), "the terminal and the report have it: {said}");
    assert!(channels.subjects()[0].contains("DAMAGED"), "{:?}", channels.subjects());
    assert_eq!((&channels.hooks()[0]["answer"], channels.hooks().len()), (&"damaged".into(), 1));
    assert_eq!(channels.pings(), ["start", "fail"]);
    let all = channels.all();
    assert!(all.contains("public.orders") && !all.contains("canary-value"), "{all}");
}

#[test]
fn values_are_sent_where_the_configuration_asks_for_them() {
    let (_database, mut scenario) = small("told_values");
    let channels = Channels::open(&mut scenario, &[], &[]);
    scenario.sections.push(("notify".into(), vec!["values = true".into()]));
    damage(&mut scenario, "DELETE FROM public.orders WHERE id = 17");
    night(&scenario, 1);
    assert!(channels.all().contains("canary-value-17"), "{}", channels.all());
}

#[test]
fn a_run_that_cannot_begin_is_notified_too() {
    let (_database, mut scenario) = small("told_not_begun");
    let channels = Channels::open(&mut scenario, &[], &[]);
    // Another run holds the lock.
    let lock =
        fs::OpenOptions::new().create(true).write(true).truncate(false).open(scenario.path("state/lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive).unwrap();
    night(&scenario, 2);
    assert!(channels.subjects()[0].contains("inconclusive"), "{:?}", channels.subjects());
    assert_eq!((&channels.hooks()[0]["answer"], channels.pings()), (&"inconclusive".into(), vec!["fail".to_owned()]));
    assert!(channels.hooks()[0]["error"].as_str().unwrap().contains("lock"), "{}", channels.hooks()[0]);
}

#[test]
fn a_failed_notification_turns_exit_0_into_3_and_is_in_closing_json_and_on_the_page() {
    let (_database, mut scenario) = small("told_in_vain");
    let refused = [Answer::Status(404)];
    let channels = Channels::open(&mut scenario, &refused, &[]);
    let said = night(&scenario, 3);
    assert!(said.contains("webhook") && said.contains("404"), "{said}");
    // No channel gets a success.
    assert_eq!(channels.pings(), ["start", "fail"]);
    assert_eq!((scenario.report()["verdict"].as_str(), scenario.backups("verified").len()), (Some("sound"), 1));
    let closing = closing(&scenario);
    assert_eq!(closing["exit_code"], 3);
    assert!(closing["troubles"][0].as_str().unwrap().contains("404"), "{closing}");
    let page = fs::read_to_string(scenario.nights()[0].join("report.html")).unwrap();
    assert!(page.contains("404"), "{page}");
}

#[test]
fn a_health_check_that_failed_at_the_end_is_still_in_closing_json() {
    let (_database, mut scenario) = small("told_no_switch");
    let unreachable = [Answer::Status(200), Answer::Status(410)];
    let channels = Channels::open(&mut scenario, &[], &unreachable);
    let said = night(&scenario, 3);
    assert!(said.contains("410") && !said.contains("secret-ping-id"), "{said}");
    assert_eq!(channels.pings(), ["start", "secret-ping-id"]);
    let closing = closing(&scenario);
    assert_eq!(closing["exit_code"], 3);
    assert!(closing["troubles"][0].as_str().unwrap().contains("410"), "{closing}");
    assert!(fs::read_to_string(scenario.nights()[0].join("report.html")).unwrap().contains("410"));
    assert_eq!(scenario.open_journals(), Vec::<String>::new());
}

#[test]
fn a_success_that_was_notified_too_early_is_corrected() {
    let (_database, mut scenario) = small("told_again");
    let channels = Channels::open(&mut scenario, &[], &[Answer::Status(200), Answer::Status(410)]);
    night(&scenario, 3);
    let answers: Vec<Value> = channels.hooks().iter().map(|hook| hook["answer"].clone()).collect();
    assert_eq!(answers, ["sound", "sound_but"]);
    assert_eq!(channels.subjects().len(), 2);
}

#[test]
fn pages_that_cannot_be_written_are_known_before_the_notifications() {
    let (_database, mut scenario) = small("told_after_pages");
    let channels = Channels::open(&mut scenario, &[], &[]);
    fs::write(scenario.path("reports/index.html"), "<p>of somebody else").unwrap();
    night(&scenario, 3);
    let answers: Vec<Value> = channels.hooks().iter().map(|hook| hook["answer"].clone()).collect();
    assert_eq!((answers, channels.pings()[1].as_str()), (vec!["sound_but".into()], "fail"));
}

#[test]
fn a_signal_after_the_report_is_reported_too() {
    let (_database, mut scenario) = small("told_stopped_late");
    let channels = Channels::open(&mut scenario, &[], &[]);
    let reached = scenario.path("reached");
    let hook = format!("after_verified = [\"/bin/sh\", \"-c\", \"touch {}; exec sleep 1000\"]", reached.display());
    scenario.set("hooks", &hook);
    let output = stopped(&scenario, &reached);
    assert_eq!(output.status.code(), Some(143), "{}", said(&output));
    assert_eq!((&channels.hooks()[0]["answer"], channels.pings()[1].as_str()), (&"interrupted".into(), "fail"));
}

/// Ends the night by SIGTERM as soon as this file is there.
fn stopped(scenario: &NightlyScenario, reached: &std::path::Path) -> std::process::Output {
    let mut command = scenario.command(&["nightly"]);
    let child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    while !reached.exists() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    kill_process(Pid::from_raw(child.id().try_into().unwrap()).unwrap(), Signal::TERM).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn a_run_that_was_stopped_says_so() {
    let (_database, mut scenario) = small("told_stopped");
    let channels = Channels::open(&mut scenario, &[], &[]);
    let reached = scenario.path("reached");
    scenario.wrap("pg_dump", &format!("touch {}; exec sleep 1000", reached.display()));
    let output = stopped(&scenario, &reached);
    assert_eq!(output.status.code(), Some(143), "{}", said(&output));
    assert_eq!((&channels.hooks()[0]["answer"], channels.pings()[1].as_str()), (&"interrupted".into(), "fail"));
    assert_eq!(channels.subjects().len(), 1);
}
