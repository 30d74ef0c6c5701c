//! A repository in S3, for which moto stands in.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::{OffsiteScenario, private};
use crate::support::night::text;
use crate::support::packages::which;

struct Moto(Child);

impl Drop for Moto {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn moto() -> Option<(Moto, u16)> {
    let program = which(&["moto_server"])?;
    let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let mut command = Command::new(program);
    command.args(["-p", &port.to_string()]).stdout(Stdio::null()).stderr(Stdio::null());
    let moto = Moto(command.spawn().unwrap());
    for _ in 0..600 {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Some((moto, port));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("moto does not answer");
}

#[test]
#[allow(clippy::print_stdout, reason = "a test that could not run says so")]
fn a_repository_in_s3_is_reached_with_the_keys_of_the_environment_file() {
    let Some((_moto, port)) = moto() else {
        println!("NOT TESTED: a repository in S3, for there is no moto_server");
        return;
    };
    let repository = format!("s3:http://127.0.0.1:{port}/backups/restic");
    let mut scenario = OffsiteScenario::without_repository("offsite_s3", Some(repository));
    scenario.environment =
        ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].map(|name| (name.into(), "key".into())).into();
    scenario.configure();
    scenario.init();
    let file = scenario.night.path("environment");
    private(&file, "# keys\nAWS_ACCESS_KEY_ID=key\nAWS_SECRET_ACCESS_KEY='key'\n");
    scenario.night.set("offsite", &text("environment_file", &file));
    scenario.night.demand(&["config", "check"], 0);
    scenario.night.set("restore", "from = \"offsite\"");
    scenario.night.demand(&["nightly"], 0);
    scenario.demand_all_stored();
}
