//! A faithful copy is sound: exit 0, no finding, nothing unchecked.
//!
//! Every fixture, through every form of a dump, against every kind of endpoint; after everything that moves rows but changes none;
//! under settings that print the same value in another way. A finding here is a fault of the program, never of the data.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "in a test, that is how to fail and tell")]

use std::path::Path;

use crate::support;
use crate::support::fixture_database::{self, FixtureDatabase, Said};
use crate::support::{Database, Format};

const FORMATS: [Format; 4] = [Format::Custom, Format::Directory, Format::Tar, Format::Plain];

/// Collects what was not silent, so that one run shows all of it.
#[derive(Default)]
struct Complaints {
    texts: Vec<String>,
    comparisons: usize,
}

impl Complaints {
    fn demand_sound(&mut self, what: &str, said: &Said) {
        self.comparisons += 1;
        if !said.is_sound() {
            self.texts.push(format!("{what}: {said}"));
        }
    }

    fn demand_sound_both_ways(&mut self, what: &str, a: &str, b: &str, options: &[String]) {
        self.demand_sound(what, &fixture_database::compare(a, b, options));
        self.demand_sound(&format!("{what}, the other way"), &fixture_database::compare(b, a, options));
    }

    fn finish(self) {
        eprintln!("{} comparisons", self.comparisons);
        assert!(self.texts.is_empty(), "{} were not silent:\n{}", self.texts.len(), self.texts.join("\n"));
        assert!(self.comparisons > 0, "nothing was compared");
    }
}

fn path(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn a_restored_copy_is_sound_through_every_form_of_a_dump_and_against_every_kind_of_endpoint() {
    let cluster = support::cluster();
    let server = Database::connect(&cluster.conninfo("postgres"));
    let mut complaints = Complaints::default();
    for fixture in FixtureDatabase::all_on(&server) {
        let original = fixture.load(&cluster, &fixture.name);
        let files = tempfile::tempdir().unwrap();
        for format in FORMATS {
            original.dump(format, &files.path().join(format!("{format:?}")));
        }
        fixture.add_settings(&original);
        let options = fixture.checks();
        for format in FORMATS {
            let dump = files.path().join(format!("{format:?}"));
            let copy = Database::create(&cluster, &format!("{}_{format:?}", fixture.name));
            copy.restore(format, &dump);
            fixture.add_settings(&copy);
            let what = |what: &str| format!("{}, {what}, {format:?}", fixture.name);
            let live = fixture_database::compare(&original.conninfo, &copy.conninfo, &options);
            complaints.demand_sound(&what("live against live"), &live);
            let live = fixture_database::compare(&original.conninfo, &path(&dump), &[]);
            complaints.demand_sound(&what("live against dump"), &live);
            complaints.demand_sound(
                &what("dump against copy"),
                &fixture_database::compare(&path(&dump), &copy.conninfo, &[]),
            );
        }
        dumps_and_manifests(&fixture, &original, files.path(), &mut complaints);
    }
    complaints.finish();
}

/// Dumps against each other, and what was saved of either against all.
fn dumps_and_manifests(fixture: &FixtureDatabase, original: &Database, files: &Path, complaints: &mut Complaints) {
    let options = fixture.checks();
    let [custom, plain] = ["Custom", "Plain"].map(|name| path(&files.join(name)));
    let [of_live, of_dump] = ["live.json", "dump.json"].map(|name| files.join(name));
    fixture_database::save_manifest(&original.conninfo, &of_live, &options);
    fixture_database::save_manifest(&custom, &of_dump, &[]);
    let (of_live, of_dump) = (path(&of_live), path(&of_dump));
    let what = |what: &str| format!("{}, {what}", fixture.name);
    complaints.demand_sound_both_ways(&what("dump against dump"), &custom, &plain, &[]);
    complaints.demand_sound_both_ways(&what("manifest against live"), &of_live, &original.conninfo, &options);
    complaints.demand_sound_both_ways(&what("manifest against dump"), &of_live, &plain, &[]);
    complaints.demand_sound_both_ways(&what("manifest of a dump against live"), &of_dump, &original.conninfo, &[]);
    complaints.demand_sound(&what("manifest against manifest"), &fixture_database::compare(&of_live, &of_dump, &[]));
}

/// Rows move and grow old twice; triggers and rules sleep, since they would change what they say.
const WEAR: &str = "
SET session_replication_role = replica;
DO $$
DECLARE
    t record;
BEGIN
    FOR t IN
        SELECT format('%I.%I', n.nspname, c.relname) AS name,
               CASE c.relreplident WHEN 'd' THEN 'DEFAULT' WHEN 'n' THEN 'NOTHING' END AS identity,
               (SELECT quote_ident(a.attname) FROM pg_attribute a
                WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND a.attidentity <> 'a'
                ORDER BY a.attnum LIMIT 1) AS col
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND c.relpersistence <> 't'
    LOOP
        IF t.col IS NOT NULL THEN
            -- A published table without a replica identity cannot be updated.
            IF t.identity IS NOT NULL THEN
                EXECUTE format('ALTER TABLE ONLY %s REPLICA IDENTITY FULL', t.name);
            END IF;
            BEGIN
                EXECUTE format('UPDATE ONLY %s SET %s = %s', t.name, t.col, t.col);
                EXECUTE format('UPDATE ONLY %s SET %s = %s', t.name, t.col, t.col);
            EXCEPTION WHEN invalid_column_reference THEN
                NULL; -- one that is published in part cannot be updated at all
            END;
            IF t.identity IS NOT NULL THEN
                EXECUTE format('ALTER TABLE ONLY %s REPLICA IDENTITY %s', t.name, t.identity);
            END IF;
        END IF;
    END LOOP;
END
$$";

/// CLUSTER leaves a mark on the index, which is a part of its definition: where it was not, it is taken off again.
const CLUSTER: &str = "
DO $$
DECLARE
    t record;
BEGIN
    FOR t IN
        SELECT x.indrelid::regclass AS name, quote_ident(i.relname) AS index,
               EXISTS (SELECT FROM pg_index o WHERE o.indrelid = x.indrelid AND o.indisclustered) AS is_marked
        FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class c ON c.oid = x.indrelid
        WHERE x.indisprimary AND x.indisvalid AND c.relkind = 'r' AND c.oid >= 16384
    LOOP
        IF t.is_marked THEN
            EXECUTE format('CLUSTER %s', t.name);
        ELSE
            EXECUTE format('CLUSTER %s USING %s', t.name, t.index);
            EXECUTE format('ALTER TABLE %s SET WITHOUT CLUSTER', t.name);
        END IF;
    END LOOP;
END
$$";

#[test]
fn a_copy_whose_rows_have_only_moved_is_sound() {
    let cluster = support::cluster();
    let server = Database::connect(&cluster.conninfo("postgres"));
    let mut complaints = Complaints::default();
    for fixture in FixtureDatabase::all_on(&server) {
        let original = fixture.load(&cluster, &fixture.name);
        let copy = Database::create(&cluster, &format!("{}_copy", fixture.name));
        original.dump_restore_into(&copy, Format::Custom);
        fixture.add_settings(&original);
        let saved = tempfile::tempdir().unwrap();
        let expected = saved.path().join("original.json");
        fixture_database::save_manifest(&original.conninfo, &expected, &fixture.checks());
        let reindex = format!("REINDEX DATABASE {}_copy", fixture.name);
        let stages: [(&str, &[&str]); 3] = [
            ("every row was updated twice", &[WEAR]),
            ("CLUSTER", &[CLUSTER]),
            ("wear, VACUUM FULL and REINDEX", &[WEAR, "VACUUM (FULL, ANALYZE)", &reindex]),
        ];
        for (what, steps) in stages {
            steps.iter().for_each(|sql| Database::connect(&copy.conninfo).run(sql));
            let said = compare_apart_from_settings(&path(&expected), &copy.conninfo, &fixture.checks());
            complaints.demand_sound(&format!("{} after {what}", fixture.name), &said);
        }
    }
    complaints.finish();
}

/// The settings of the original are not in a dump, which is a finding of its own: waived by name, with a reason.
fn compare_apart_from_settings(expected: &str, actual: &str, options: &[String]) -> Said {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let waiver = "[[waiver]]\nkind = \"database_setting\"\nobject = \"?\"\nreason = \"settings are not under test\"\n";
    std::io::Write::write_all(&mut file, waiver.replace('?', "*").as_bytes()).unwrap();
    let waivers = [vec!["--waivers".into(), path(file.path())], options.to_vec()].concat();
    fixture_database::compare(expected, actual, &waivers)
}

fn hostile() -> FixtureDatabase {
    FixtureDatabase::all().into_iter().find(|fixture| fixture.name == "hostile_settings").unwrap()
}

#[test]
fn settings_of_one_database_are_found_and_once_waived_change_no_row() {
    let cluster = support::cluster();
    let fixture = hostile();
    let original = fixture.load(&cluster, "original");
    let copy = Database::create(&cluster, "copy");
    original.dump_restore_into(&copy, Format::Custom);
    fixture.add_settings(&original);
    for (expected, actual, kind) in [(&original, &copy, "missing"), (&copy, &original, "unexpected")] {
        let said = fixture_database::compare(&expected.conninfo, &actual.conninfo, &[]);
        assert_eq!((said.exit, said.unchecked.len()), (Some(1), 0), "{said}");
        let of_settings = format!("{kind} database_setting ");
        assert!(said.findings.iter().all(|finding| finding.starts_with(&of_settings)), "{said}");
        let waived = compare_apart_from_settings(&expected.conninfo, &actual.conninfo, &[]);
        assert!(waived.is_sound(), "{waived}");
        assert!(waived.report["waivers"].to_string().contains("settings are not under test"), "{}", waived.report);
    }
}

#[test]
fn a_dump_made_with_our_settings_is_sound_whatever_the_database_says() {
    let cluster = support::cluster();
    let original = hostile().load(&cluster, "original");
    hostile().add_settings(&original);
    let files = tempfile::tempdir().unwrap();
    for format in FORMATS {
        let dump = files.path().join(format!("{format:?}"));
        original.dump(format, &dump);
        let said = fixture_database::compare(&original.conninfo, &path(&dump), &[]);
        assert!(said.is_sound(), "{format:?}: {said}");
    }
}

/// The values are the same, only written otherwise; but what was not compared is not sound either.
#[test]
fn a_dump_made_with_other_settings_is_neither_sound_nor_damaged() {
    let cluster = support::cluster();
    let original = hostile().load(&cluster, "original");
    hostile().add_settings(&original);
    let files = tempfile::tempdir().unwrap();
    for format in FORMATS {
        let dump = files.path().join(format!("{format:?}"));
        original.dump_with(format, &dump, "");
        let said = fixture_database::compare(&original.conninfo, &path(&dump), &[]);
        assert_eq!(said.exit, Some(2), "{format:?}: {said}");
        let tables: Vec<&str> = said.unchecked.iter().filter_map(|line| line.split(" (").next()).collect();
        assert_eq!(tables, ["rows s.many", "rows s.readings"], "{format:?}: {said}");
        assert!(said.unchecked.iter().all(|line| line.contains("timezone=UTC")), "{said}");
    }
}
