//! What `resolve` promises, without a server.

use std::collections::HashMap;
use std::os::unix::fs::PermissionsExt;

use proptest::prelude::*;

use super::ServerLogin;
use super::*;

fn resolve(text: &str, environment: &[(&str, &str)]) -> Result<ConnInfo> {
    let environment: HashMap<&str, &str> = environment.iter().copied().collect();
    ConnInfo::resolve(text, &|name| environment.get(name).map(|value| (*value).to_owned()))
}

#[test]
fn the_string_wins_over_the_service_and_the_service_over_the_environment() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join(".pg_service.conf"), "[app]\nhost=service\nport=2\ndbname=service\n").unwrap();
    let home = home.path().to_str().unwrap();
    let environment = [("HOME", home), ("PGPORT", "3"), ("PGUSER", "env"), ("PGHOST", "env"), ("PGSERVICE", "app")];
    let info = resolve("host=string", &environment).unwrap();
    assert_eq!(info.describe(), "postgresql://env@string:2/service");
    let info = resolve("service=app user=u", &[("HOME", home)]).unwrap();
    assert_eq!(info.describe(), "postgresql://u@service:2/service");
}

#[test]
fn defaults_are_those_of_libpq() {
    let info = resolve("host=h user=u", &[]).unwrap();
    assert_eq!((info.dbname(), info.hosts()[0].port, info.sslmode()), ("u", 5432, "prefer"));
    let info = resolve("host='' port='' user=u", &[("PGHOST", "not me")]).unwrap();
    assert!(info.hosts()[0].host != "not me" && info.hosts()[0].port == 5432);
    assert!(!resolve("", &[]).unwrap().user().is_empty());
    assert_eq!(resolve("host=h sslrootcert=system", &[]).unwrap().sslmode(), "verify-full");
    assert_eq!(resolve("host=h", &[("PGREQUIRESSL", "1")]).unwrap().sslmode(), "require");
}

#[test]
fn lists_of_hosts_addresses_and_ports_are_paired() {
    let info = resolve("host=a,b hostaddr=10.0.0.1, port=1,2", &[]).unwrap();
    assert_eq!(info.hosts()[0].hostaddr, Some("10.0.0.1".parse().unwrap()));
    assert_eq!((info.hosts()[1].host.as_str(), info.hosts()[1].port), ("b", 2));
    assert_eq!(resolve("host=a,b port=7", &[]).unwrap().hosts()[1].port, 7);
    assert_eq!(resolve("hostaddr=::1", &[]).unwrap().describe().split('@').nth(1).unwrap()[..10], *"[::1]:5432");
    for text in ["host=a,b port=1,2,3", "host=a,b hostaddr=10.0.0.1", "hostaddr=name", "port=0", "port=x", "host=@a"] {
        assert!(resolve(text, &[]).is_err(), "{text}");
    }
}

#[test]
fn what_guards_something_is_refused_rather_than_ignored() {
    for text in [
        "sslmode=verify_full",
        "require_auth=scram-sha-256",
        "requirepeer=postgres",
        "gssencmode=require",
        "sslrootcert=system sslmode=require",
        "sslnegotiation=direct sslmode=prefer",
        "connect_timeout=soon",
        "target_session_attrs=master",
    ] {
        assert!(resolve(&format!("host=h {text}"), &[]).unwrap_err().hint_text().is_some(), "{text}");
    }
    assert!(resolve("host=h client_encoding=LATIN1 gssencmode=prefer krbsrvname=x", &[]).is_ok());
}

#[test]
fn no_password_is_ever_printed() {
    let info = resolve("postgresql://u:hunter2@h/d?sslpassword=hunter2", &[]).unwrap();
    assert!(!format!("{info:?} {}", info.describe()).contains("hunter2"));
    assert_eq!(info.password_for(&info.hosts()[0]).unwrap().0, "hunter2");
}

#[test]
fn the_password_comes_from_the_string_the_environment_or_the_file_and_we_know_which() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join(".pgpass");
    std::fs::write(&path, "\n*:*:other:*:no\n*:*:*:u:filed\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let home = ("HOME", home.path().to_str().unwrap());
    let ask = |text: &str, environment: &[(&str, &str)]| {
        let info = resolve(text, environment).unwrap();
        info.password_for(&info.hosts()[0])
    };
    assert_eq!(ask("host=h user=u", &[home]), Some(("filed".into(), format!("{}, line 3", path.display()))));
    assert_eq!(ask("host=h user=u", &[home, ("PGPASSWORD", "e")]), Some(("e".into(), "PGPASSWORD".into())));
    assert_eq!(ask("host=h user=u password=s", &[home]).unwrap().1, "the connection string");
    assert_eq!(ask("host=h user=u dbname=other", &[home]).unwrap().0, "no");
    assert_eq!(ask("host=h user=u passfile=/nonexistent", &[home]), None);
    // Another database may have another line.
    let info = resolve("host=h user=v", &[home]).unwrap();
    assert!(info.password_for(&info.hosts()[0]).is_none());
    let info = info.with_dbname("other");
    assert_eq!(info.password_for(&info.hosts()[0]).unwrap().0, "no");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(resolve("host=h", &[home]).unwrap().warnings()[0].contains("chmod 0600"));
}

#[test]
fn a_child_gets_everything_by_environment_and_the_password_by_file() {
    let text = r"host=h,/sock port=1,2 user=u\:x dbname=d password='p:w\\' sslmode=require options='-c a=b' service=''";
    let child = resolve(text, &[]).unwrap().child_environment().unwrap().with_options("-c c=d");
    let variables = child.variables();
    let wanted = [
        ("PGHOST", "h,/sock"),
        ("PGPORT", "1,2"),
        ("PGUSER", "u:x"),
        ("PGDATABASE", "d"),
        ("PGSSLMODE", "require"),
        ("PGOPTIONS", "-c a=b -c c=d"),
        ("PGAPPNAME", "pgwitness"),
        ("PGCONNECT_TIMEOUT", "30"),
    ];
    for (name, value) in wanted {
        assert_eq!(variables.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert!(!variables.contains_key("PGPASSWORD") && !format!("{child:?}").contains("p:w"));
    let file = std::fs::read_to_string(child.passfile()).unwrap();
    assert_eq!(file, "h:1:*:u\\:x:p\\:w\\\\\n/sock:2:*:u\\:x:p\\:w\\\\\nlocalhost:2:*:u\\:x:p\\:w\\\\\n");
    assert_eq!(std::fs::metadata(child.passfile()).unwrap().permissions().mode() & 0o777, 0o600);
    let path = child.passfile().to_owned();
    drop(child);
    assert!(!path.exists());
}

proptest! {
    #[test]
    fn describe_is_read_back_as_the_same(
        user in "[^\0]+",
        dbname in "[^\0]+",
        hosts in prop::collection::vec(("(/[^\0,@]{0,20}[^\0,\\s])|([a-z][a-z0-9.-]{0,9})|::1|10\\.0\\.0\\.1", 1u16..), 1..4),
    ) {
        let (names, ports): (Vec<_>, Vec<_>) = hosts.iter().map(|(host, port)| (host.clone(), port.to_string())).unzip();
        let text = format!(
            "user={} dbname={} host={} port={} password=hunter2",
            parse::quote_value(&user),
            parse::quote_value(&dbname),
            parse::quote_value(&names.join(",")),
            ports.join(",")
        );
        let info = resolve(&text, &[]).unwrap();
        let again = resolve(&info.describe(), &[]).unwrap();
        prop_assert_eq!(again.describe(), info.describe());
        prop_assert_eq!((again.user(), again.dbname(), again.hosts()), (user.as_str(), dbname.as_str(), info.hosts()));
    }
}

#[tokio::test]
async fn the_password_that_the_configuration_names_wins_and_is_never_shown() {
    let login = ServerLogin {
        url: "postgresql://app@db/shop",
        password_file: None,
        password_command: None,
        password_env: Some("SHOP_PASSWORD"),
    };
    let environment = |name: &str| match name {
        "SHOP_PASSWORD" => Some("hunter2".to_owned()),
        "PGPASSWORD" => Some("other".to_owned()),
        _ => None,
    };
    let info = ConnInfo::of_login(&login, &environment).await.unwrap();
    assert_eq!(info.password_for(&info.hosts()[0]), Some(("hunter2".into(), "the configuration".into())));
    assert!(!format!("{info:?}").contains("hunter2") && !info.describe().contains("hunter2"));
    let none = ConnInfo::of_login(&ServerLogin { password_env: None, ..login }, &environment).await.unwrap();
    assert_eq!(none.password_for(&none.hosts()[0]), Some(("other".into(), "PGPASSWORD".into())));
    assert!(ConnInfo::of_login(&login, &|_| None).await.is_err(), "a place without a password is an error");
}

#[test]
fn a_way_to_another_machine_on_which_the_server_is_not_verified_has_a_warning() {
    let warning = |text: &str| resolve(text, &[]).unwrap().transport_warning();
    for (mode, why) in [
        ("", "sslmode=prefer: the connection to db.example may be unencrypted"),
        ("sslmode=disable", "may be unencrypted"),
        ("sslmode=allow", "may be unencrypted"),
        ("sslmode=prefer", "may be unencrypted"),
        ("sslmode=require", "is encrypted, but the server is not verified"),
        ("sslmode=verify-ca sslrootcert=/ca.pem", "not that it is for this host"),
    ] {
        for hosts in ["host=db.example", "host=localhost,db.example", "hostaddr=192.0.2.1 host=db.example"] {
            let said = warning(&format!("{hosts} {mode}")).unwrap_or_default();
            assert!(said.contains(why) && said.ends_with("use sslmode=verify-full"), "{hosts} {mode}: {said}");
        }
        for hosts in ["host=/run/postgresql", "host=localhost", "host=127.0.0.1", "host=::1"] {
            assert_eq!(warning(&format!("{hosts} {mode}")), None, "{hosts} {mode}");
        }
    }
    assert!(warning("hostaddr=192.0.2.1").unwrap().contains("192.0.2.1"));
    assert_eq!(warning("host=db.example sslmode=verify-full sslrootcert=/ca.pem"), None);
    assert_eq!(warning("host=db.example sslrootcert=system"), None);
}
