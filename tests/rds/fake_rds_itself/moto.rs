//! A second opinion on the wire format: the same calls, byte for byte, to moto's server and to the fake.
//!
//! moto knows no states, no unique resource ids and no pages, so only the elements of the answers and the errors are compared.
//! Both are read by the scanner below, not by the SDK.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::fake_rds::{FakeRds, FakeRdsOptions, Instance, Life, Snapshot};

const VERSION: &str = "5.2.5";

/// What only moto says, and why we do not: there are no log exports; an instance is not born `available`, so that it has no
/// endpoint and no times in the answer to the restore; without backups nothing is restorable.
const ONLY_MOTO: &[&str] = &[
    "/EnabledCloudwatchLogsExports",
    "RestoreDBInstanceFromDBSnapshotResult/DBInstance/AvailabilityZone",
    "RestoreDBInstanceFromDBSnapshotResult/DBInstance/Endpoint",
    "RestoreDBInstanceFromDBSnapshotResult/DBInstance/InstanceCreateTime",
    "/LatestRestorableTime",
];

/// What only we say, since AWS does: in the API's reference and model, unknown to moto or left out by it.
const ONLY_US: &[&str] = &[
    "/BackupTarget",
    "/CustomerOwnedIpEnabled",
    "/DBSubnetGroup",
    "/DedicatedLogVolume",
    "/Endpoint/HostedZoneId",
    "/EngineLifecycleSupport",
    "/NetworkType",
    "/PendingModifiedValues",
    "/PerformanceInsightsEnabled",
    "/PubliclyAccessible",
    "DBSnapshot/AvailabilityZone",
    "DBSnapshot/LicenseModel",
    "DBSnapshot/OptionGroupName",
    "DBSnapshot/PercentProgress",
    "DBSnapshot/ProcessorFeatures",
    "DBSnapshot/SnapshotTarget",
    "DBSnapshot/StorageType",
    "DBSnapshot/VpcId",
];

struct Moto {
    child: Child,
    url: String,
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The server's program, installed on first use; why not, where that is not possible.
fn install() -> Result<PathBuf, String> {
    let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("moto-{VERSION}"));
    let (done, program) = (venv.join("installed"), venv.join("bin/moto_server"));
    if !done.exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        // Of moto[server], which has the needs of every service of AWS, what these calls need.
        let moto = format!("moto=={VERSION}");
        let wanted = ["install", "--quiet", "--disable-pip-version-check", &moto, "flask", "flask-cors"];
        run(Command::new(venv.join("bin/pip")).args(wanted))?;
        fs::write(&done, VERSION).unwrap();
    }
    Ok(program)
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

fn start(program: &Path) -> Moto {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut command = Command::new(program);
    command.args(["-H", "127.0.0.1", "-p", &port.to_string()]).stdin(Stdio::null());
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let moto = Moto { child, url: format!("http://127.0.0.1:{port}") };
    for _ in 0..600 {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return moto;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("moto does not answer");
}

/// Head and body of the answer to a form.
pub fn post(url: &str, form: &str) -> (String, String) {
    let service = if form.contains("2011-06-15") { "sts" } else { "rds" };
    let address = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).unwrap();
    let scope = format!("{}/20260131/ap-southeast-2/{service}/aws4_request", "AKIASTANDINSTANDIN12");
    let head = format!(
        "POST / HTTP/1.1\r\nHost: {service}.ap-southeast-2.amazonaws.com\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=00\r\n\r\n",
        form.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(form.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

/// The elements of an answer as paths, repeated ones once; empty elements count.
fn elements(xml: &str) -> BTreeSet<String> {
    let (mut path, mut found) = (Vec::<String>::new(), BTreeSet::new());
    for tag in xml.split('<').skip(1) {
        let tag = tag.split('>').next().unwrap();
        let name: String = tag.trim_start_matches('/').chars().take_while(|c| c.is_alphanumeric()).collect();
        if tag.starts_with('/') {
            assert_eq!(path.pop().as_ref(), Some(&name), "{xml}");
        } else if !tag.starts_with(['?', '!']) {
            path.push(name);
            found.insert(path.join("/"));
            if tag.ends_with('/') {
                path.pop();
            }
        }
    }
    assert!(path.is_empty(), "{xml}");
    found
}

/// Status, and the error's code, or the elements of the result.
fn answer(url: &str, form: &str) -> (String, BTreeSet<String>) {
    let (head, body) = post(url, form);
    let status = head.split(' ').nth(1).unwrap().to_owned();
    let code = body.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>")).map(|(code, _)| code);
    match code {
        Some(code) => (format!("{status} {code}"), BTreeSet::new()),
        None => (status, elements(&body)),
    }
}

/// The same account on both sides.
fn stage(moto: &Moto) -> FakeRds {
    let rds = |action: &str, rest: &str| post(&moto.url, &format!("Action={action}&Version=2014-10-31&{rest}"));
    let instance = "DBInstanceIdentifier=club-prod&DBInstanceClass=db.m7g.large&Engine=postgres&EngineVersion=15.4\
                    &MasterUsername=clubadmin&MasterUserPassword=long-enough&AllocatedStorage=20&DBName=club\
                    &Tags.Tag.1.Key=env&Tags.Tag.1.Value=production&VpcSecurityGroupIds.VpcSecurityGroupId.1=sg-1";
    assert!(rds("CreateDBInstance", instance).0.contains(" 200 "));
    let snapshot = "DBInstanceIdentifier=club-prod&DBSnapshotIdentifier=snap-1&Tags.Tag.1.Key=a&Tags.Tag.1.Value=b";
    assert!(rds("CreateDBSnapshot", snapshot).0.contains(" 200 "));
    let life = Life { stages: vec![crate::fake_rds::Stage::new("available", u32::MAX)], ..Life::default() };
    let fake = FakeRds::start(FakeRdsOptions { life, ..FakeRdsOptions::default() });
    let production = fake.add_instance(Instance { deletion_protection: false, ..Instance::production("club-prod") });
    let snapshot = Snapshot::manual(&production, "snap-1", Duration::from_secs(60), None);
    fake.add_snapshot(Snapshot { tags: vec![crate::fake_rds::tag("a", "b")], ..snapshot });
    fake
}

const CALLS: &[&str] = &[
    "Action=GetCallerIdentity&Version=2011-06-15",
    "Action=DescribeDBInstances&DBInstanceIdentifier=club-prod",
    "Action=DescribeDBInstances&DBInstanceIdentifier=none",
    "Action=DescribeDBInstances&Filters.Filter.1.Name=db-instance-id&Filters.Filter.1.Values.Value.1=club-prod",
    "Action=DescribeDBSnapshots&DBInstanceIdentifier=club-prod",
    "Action=DescribeDBSnapshots&DBSnapshotIdentifier=snap-1",
    "Action=DescribeDBSnapshots&DBSnapshotIdentifier=none",
    "Action=RestoreDBInstanceFromDBSnapshot&DBInstanceIdentifier=temp-1&DBSnapshotIdentifier=none",
    "Action=RestoreDBInstanceFromDBSnapshot&DBInstanceIdentifier=temp-1&DBSnapshotIdentifier=snap-1\
     &DBInstanceClass=db.t4g.small&BackupRetentionPeriod=0&MultiAZ=false&PubliclyAccessible=false\
     &Tags.Tag.1.Key=managed&Tags.Tag.1.Value=true&VpcSecurityGroupIds.VpcSecurityGroupId.1=sg-1",
    "Action=RestoreDBInstanceFromDBSnapshot&DBInstanceIdentifier=temp-1&DBSnapshotIdentifier=snap-1",
    "Action=DescribeDBInstances&DBInstanceIdentifier=temp-1",
    "Action=ListTagsForResource&ResourceName=arn:aws:rds:ap-southeast-2:123456789012:db:temp-1",
    "Action=AddTagsToResource&ResourceName=arn:aws:rds:ap-southeast-2:123456789012:db:temp-1\
     &Tags.Tag.1.Key=more&Tags.Tag.1.Value=words",
    "Action=ListTagsForResource&ResourceName=arn:aws:rds:ap-southeast-2:123456789012:db:temp-1",
    "Action=ModifyDBInstance&DBInstanceIdentifier=temp-1&MasterUserPassword=long-enough&ApplyImmediately=true",
    "Action=ModifyDBInstance&DBInstanceIdentifier=none&MasterUserPassword=long-enough",
    "Action=DeleteDBInstance&DBInstanceIdentifier=temp-1&SkipFinalSnapshot=true",
    "Action=DeleteDBInstance&DBInstanceIdentifier=none&SkipFinalSnapshot=true",
];

#[test]
fn moto_says_the_same_where_it_can() {
    let program = match install() {
        Ok(program) => program,
        Err(why) if std::env::var_os("CI").is_some() => panic!("no second opinion: {why}"),
        Err(why) => {
            return eprintln!(
                "\n*** NOT CHECKED: no second opinion on the wire format, moto cannot be installed: {why}\n"
            );
        }
    };
    let moto = start(&program);
    let fake = stage(&moto);
    let mut differences = Vec::new();
    for call in CALLS {
        let form = if call.contains("Version=") { (*call).to_owned() } else { format!("{call}&Version=2014-10-31") };
        let (theirs, ours) = (answer(&moto.url, &form), answer(&fake.url(), &form));
        if theirs.0 != ours.0 {
            differences.push(format!("{call}: moto {}, we {}", theirs.0, ours.0));
        }
        let is_known = |path: &&String, known: &[&str]| known.iter().any(|end| path.contains(end));
        let missing = theirs.1.difference(&ours.1).filter(|path| !is_known(path, ONLY_MOTO));
        differences.extend(missing.map(|path| format!("only moto: {path}")));
        let extra = ours.1.difference(&theirs.1).filter(|path| !is_known(path, ONLY_US));
        differences.extend(extra.map(|path| format!("only we: {path}")));
    }
    // Positive control: two empty answers would agree as well.
    let seen = answer(&moto.url, "Action=DescribeDBInstances&Version=2014-10-31").1;
    assert!(seen.iter().any(|path| path.ends_with("/DBInstance/DbiResourceId")), "{seen:?}");
    differences.sort();
    differences.dedup();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
