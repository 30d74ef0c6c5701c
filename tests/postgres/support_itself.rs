//! The ground that the other tests stand on, tested first.

use crate::support::{Database, Format, cluster, pgwitness};

#[test]
fn every_dump_format_carries_a_database_into_another() {
    let cluster = cluster();
    let source = Database::create(&cluster, "source");
    source.run("CREATE TABLE t (id int PRIMARY KEY, word text); INSERT INTO t VALUES (1, 'one'), (2, NULL)");
    for (number, format) in [Format::Custom, Format::Directory, Format::Tar, Format::Plain].into_iter().enumerate() {
        let copy = Database::create(&cluster, &format!("it's copy {number}"));
        source.dump_restore_into(&copy, format);
        let rows = copy.query("SELECT * FROM t ORDER BY id");
        let text = |word: &str| Some(word.to_owned());
        assert_eq!(rows, [vec![text("1"), text("one")], vec![text("2"), None]], "{format:?}");
        assert_eq!(copy.value("SELECT current_database()"), format!("it's copy {number}"));
    }
}

#[test]
fn the_servers_refusal_is_told_with_its_code() {
    let cluster = cluster();
    let database = Database::create(&cluster, "refusing");
    let refusal = database.try_run("SELECT 1/0").unwrap_err();
    assert_eq!(refusal, "22012 division by zero");
}

#[test]
fn the_program_runs_without_the_machines_environment() {
    let command = pgwitness();
    let names: Vec<_> = command.get_envs().map(|(name, _)| name.to_owned()).collect();
    assert_eq!(names, ["HOME", "PATH"]);
}
