//! The rules of the architecture: rooms, who uses what, and what only one place may do.

#![allow(clippy::unwrap_used, reason = "in a test, that is how to fail")]

mod documents;
mod named_commands;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::Visit;

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Modules that a file declares, in its order.
fn declared(file: &Path) -> Vec<String> {
    let parsed = syn::parse_file(&fs::read_to_string(file).unwrap()).unwrap();
    let modules = parsed.items.into_iter().filter_map(|item| match item {
        syn::Item::Mod(module) if !is_test(&module.attrs) && module.content.is_none() => Some(module.ident.to_string()),
        _ => None,
    });
    modules.collect()
}

/// Rooms in the order of `src/lib.rs`, each with its modules in the order of its `mod.rs`.
fn rooms() -> Vec<(String, Vec<String>)> {
    let rooms = declared(&source().join("lib.rs"));
    rooms.into_iter().map(|room| (room.clone(), declared(&source().join(room).join("mod.rs")))).collect()
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Ident>().is_ok_and(|name| name == "test")
    })
}

/// Paths that begin with `crate` or `super`, outside tests: imports and paths in code.
#[derive(Default)]
struct Used(Vec<Vec<String>>);

impl Used {
    fn tree(&mut self, before: &[String], tree: &syn::UseTree) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.tree(&with(&path.ident), &path.tree),
            syn::UseTree::Name(name) => self.0.push(with(&name.ident)),
            syn::UseTree::Rename(rename) => self.0.push(with(&rename.ident)),
            syn::UseTree::Glob(_) => self.0.push(before.to_vec()),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.tree(before, tree)),
        }
    }
}

impl<'ast> Visit<'ast> for Used {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.tree(&[], &item.tree);
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !is_test(&module.attrs) {
            syn::visit::visit_item_mod(self, module);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.0.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        syn::visit::visit_path(self, path);
    }
}

/// A use of one module by another: room and module of both.
fn uses() -> Vec<(PathBuf, [(String, String); 2])> {
    let mut found = Vec::new();
    for path in files(&source()).into_iter().filter(|path| !is_of_tests(path)) {
        let inner: Vec<String> =
            path.strip_prefix(source()).unwrap().iter().map(|part| part.to_string_lossy().into()).collect();
        let [room, module, ..] = inner.as_slice() else { continue };
        let module = module.trim_end_matches(".rs").to_owned();
        let mut used = Used::default();
        used.visit_file(&syn::parse_file(&fs::read_to_string(&path).unwrap()).unwrap());
        for used in used.0 {
            let target = match used.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
                ["crate", room, module, ..] => Some(((*room).to_owned(), (*module).to_owned())),
                ["super", module, ..] if inner.len() == 2 && *module != "super" => {
                    Some((room.clone(), (*module).to_owned()))
                }
                _ => None,
            };
            found.extend(target.map(|target| (path.clone(), [(room.clone(), module.clone()), target])));
        }
    }
    found
}

fn is_of_tests(path: &Path) -> bool {
    path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with("tests"))
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Text of the files by `room/module`, without comments and without tests.
fn modules() -> BTreeMap<String, Vec<(PathBuf, String)>> {
    let mut modules = BTreeMap::<String, Vec<(PathBuf, String)>>::new();
    for path in files(&source()) {
        let inner = path.strip_prefix(source()).unwrap();
        let parts: Vec<String> =
            inner.iter().map(|part| part.to_string_lossy().trim_end_matches(".rs").to_owned()).collect();
        if let [room, module, ..] = parts.as_slice()
            && !is_of_tests(&path)
        {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
            let code: Vec<&str> = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
            modules.entry(format!("{room}/{module}")).or_default().push((path, code.join("\n")));
        }
    }
    modules
}

/// Whether a `room/module` is in this room.
fn is_in(room: &str) -> impl Fn(&str) -> bool {
    move |module| module.split('/').next() == Some(room)
}

/// Every place in these modules that has one of these texts.
fn places(is_asked: impl Fn(&str) -> bool, texts: &[&str]) -> Vec<String> {
    let mut places = Vec::new();
    for (module, files) in modules().iter().filter(|(module, _)| is_asked(module)) {
        for (path, code) in files {
            for text in texts.iter().filter(|text| code.contains(*text)) {
                places.push(format!("{module}: {text} in {}", path.display()));
            }
        }
    }
    places
}

#[test]
fn a_room_uses_only_rooms_above_it() {
    let rooms = rooms();
    let place = |name: &str| rooms.iter().position(|(room, _)| room == name);
    let is_wrong = |[(user, _), (used, _)]: &[(String, String); 2]| match (place(user), place(used)) {
        (Some(user), Some(used)) => used > user,
        _ => false,
    };
    let wrong: Vec<String> = uses()
        .into_iter()
        .filter(|(_, both)| is_wrong(both))
        .map(|(path, [_, (room, module)])| format!("{} uses {room}::{module}, a room below its own", path.display()))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn inside_a_room_a_module_uses_only_modules_above_it() {
    let rooms: BTreeMap<String, Vec<String>> = rooms().into_iter().collect();
    let mut wrong = Vec::new();
    for (path, [(room, module), (used_room, used)]) in uses() {
        let Some(order) = rooms.get(&room).filter(|_| room == used_room) else { continue };
        let place = |name: &str| order.iter().position(|module| module == name);
        if let (Some(mine), Some(theirs)) = (place(&module), place(&used))
            && theirs > mine
        {
            wrong.push(format!("{} uses {used}, which is below it in {room}/mod.rs", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_map_of_rooms_is_whole() {
    let rooms = rooms();
    let found: Vec<String> = rooms.iter().map(|(room, _)| room.clone()).collect();
    let mut sorted = found.clone();
    sorted.sort();
    let mut folders: Vec<String> = fs::read_dir(source())
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    folders.sort();
    assert_eq!(sorted, folders, "every folder of src is a room, and every room a folder");
    let map = fs::read_to_string(source().join("lib.rs")).unwrap();
    for room in found {
        assert!(map.contains(&format!("//! * [`{room}`]")), "src/lib.rs says nothing of {room}");
    }
    let arrows: std::collections::BTreeSet<[String; 2]> = uses()
        .into_iter()
        .map(|(_, [(user, _), (used, _)])| [user, used])
        .filter(|[user, used]| user != used)
        .collect();
    let arrows = arrows.iter().filter(|[_, used]| rooms.iter().any(|(room, _)| room == used)).count();
    assert!(arrows < 60, "{arrows} arrows between rooms");
}

#[test]
fn pure_rooms_know_no_files_no_sockets_no_clock() {
    let pure = ["base/text", "base/time", "base/json", "base/printable"];
    let is_pure = |module: &str| {
        is_in("model")(module) || is_in("compare")(module) || is_in("config")(module) || pure.contains(&module)
    };
    let found = places(is_pure, &["tokio", "std::fs", "std::env", "File::open", "SystemTime::now", "Instant::now"]);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn only_one_module_makes_a_verdict() {
    // Matching on a verdict is everybody's right; giving one as a value is not.
    let makers = ["=> Verdict::", " = Verdict::", "(Verdict::", "{ Verdict::"];
    let found = places(|module| module != "model/verdict", &makers);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn only_the_command_line_prints_and_ends_the_process() {
    let found = places(
        |module| !is_in("cli")(module),
        &["println!", "eprintln!", "print!(", "io::stdout", "io::stderr", "process::exit"],
    );
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn only_the_command_line_asks_the_clock_and_the_environment() {
    let found = places(|module| !is_in("cli")(module), &["SystemTime::now", "env::var", "env::vars", "env::args"]);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn every_connection_goes_through_one_door() {
    // Behind it the settings of the database are out of force (src/postgres/conninfo/first.rs).
    let found = places(
        |module| module != "postgres/conninfo" && module != "postgres/copy_stream",
        &["tokio_postgres::connect", "tokio_postgres::Config", "tokio_postgres::config", "connect_raw("],
    );
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn nothing_that_writes_is_sent_to_a_database() {
    let words = ["INSERT INTO", "DELETE FROM", "UPDATE ", "DROP ", "ALTER ", "TRUNCATE ", "LOCK TABLE", "GRANT "];
    // The readers of dumps and of definitions know these words as text that they read; a cluster of our own is ours to write to.
    // `restoring` makes and drops the copy, which is proven to be ours by server, name and OID; the source is never given to it for writing.
    let theirs = ["endpoint/dump_reader", "compare/canonical", "postgres/server", "model/name", "nightly/restoring"];
    let found = places(|module| !theirs.contains(&module) && !is_in("cli")(module), &words);
    assert!(found.is_empty(), "{found:#?}");
}

/// A file that no module declares is not compiled, so its tests never run.
#[test]
fn every_file_of_the_tests_is_a_module() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut lost = Vec::new();
    for path in files(&tests) {
        let (dir, name) = (path.parent().unwrap(), path.file_stem().unwrap().to_str().unwrap());
        let (dir, name) = match name {
            "main" => continue,
            "mod" => (dir.parent().unwrap(), dir.file_name().unwrap().to_str().unwrap()),
            name => (dir, name),
        };
        let parents = [dir.join("mod.rs"), dir.join("main.rs"), dir.with_extension("rs")];
        let is_declared = |parent: &PathBuf| parent.exists() && declared(parent).contains(&name.to_owned());
        // Every binary includes it by its path.
        if path != tests.join("support/mod.rs") && !parents.iter().any(is_declared) {
            lost.push(path.clone());
        }
    }
    assert_eq!(lost, Vec::<PathBuf>::new());
}

#[test]
fn files_stay_small() {
    let long: Vec<String> = modules()
        .into_values()
        .flatten()
        .filter_map(|(path, code)| Some((path, code.lines().count())).filter(|(_, lines)| *lines > 400))
        .map(|(path, lines)| format!("{}: {lines} lines", path.display()))
        .collect();
    assert!(long.is_empty(), "{long:#?}");
}

/// How often a text is in the program, and in which files.
fn times(text: &str) -> BTreeMap<PathBuf, usize> {
    let counted = modules().into_values().flatten().map(|(path, code)| (path, code.matches(text).count()));
    counted.filter(|(_, count)| *count > 0).collect()
}

fn only_in(text: &str, file: &str) {
    let found = times(text);
    assert_eq!(found.values().sum::<usize>(), 1, "{text}: {found:#?}");
    assert!(found.keys().all(|path| path.ends_with(file)), "{text}: {found:#?}");
}

#[test]
fn one_call_deletes_one_modifies_one_restores() {
    only_in("delete_db_instance()", "src/aws/delete/raw.rs");
    only_in("delete_db_", "src/aws/delete/raw.rs");
    only_in("skip_final_snapshot(true)", "src/aws/delete/raw.rs");
    only_in("raw::delete(", "src/aws/delete/mod.rs");
    only_in("modify_db_", "src/aws/password.rs");
    only_in("restore_db_", "src/aws/create_instance.rs");
}

#[test]
fn deletion_protection_is_sent_once_as_off_for_a_new_instance() {
    only_in(".deletion_protection(false)", "src/aws/create_instance.rs");
    // Beside that, it is only read.
    let sent = places(|_| true, &[".deletion_protection(true", "set_deletion_protection", "deletion_protection(!"]);
    assert!(sent.is_empty(), "{sent:#?}");
}

#[test]
fn nothing_else_that_changes_is_asked_of_aws() {
    // A call of the SDK is a method of its client; ours is named `api`.
    let mut asked: Vec<String> = Vec::new();
    for (_, code) in modules().into_iter().filter(|(module, _)| is_in("aws")(module)).flat_map(|(_, files)| files) {
        let calls = code.split("api.").skip(1).chain(code.split("sts.").skip(1));
        asked.extend(calls.filter_map(|rest| rest.split_once("()")).map(|(name, _)| name.to_owned()));
    }
    asked.retain(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '_'));
    asked.sort();
    asked.dedup();
    let expected = [
        "delete_db_instance",
        "describe_db_instances",
        "describe_db_snapshots",
        "get_caller_identity",
        "modify_db_instance",
        "restore_db_instance_from_db_snapshot",
    ];
    assert_eq!(asked, expected);
    let clients = places(|module| !is_in("aws")(module), &["aws_sdk_rds", "aws_sdk_sts"]);
    assert!(clients.is_empty(), "{clients:#?}");
}

#[test]
fn only_the_proof_makes_what_may_be_deleted() {
    let made: Vec<PathBuf> = times("Ok(ProvenTemporary {").into_keys().collect();
    assert!(made.len() == 1 && made[0].ends_with("src/aws/delete/mod.rs"), "{made:#?}");
    let code = fs::read_to_string(source().join("aws/delete/mod.rs")).unwrap();
    let fields = code.split("pub struct ProvenTemporary {").nth(1).unwrap().split('}').next().unwrap();
    assert!(!fields.contains("pub"), "the fields of a ProvenTemporary are private");
    let derives = code.split("pub struct ProvenTemporary").next().unwrap().lines().last().unwrap();
    assert_eq!(
        code.matches("#[derive(Debug)]\npub struct ProvenTemporary").count(),
        1,
        "no Clone, no Default: {derives}"
    );
}

/// As numbers, so that 1.100 comes after 1.94.1.
fn version(text: &str) -> Vec<u32> {
    text.split('.').map(|number| number.parse().unwrap()).collect()
}

#[test]
fn the_rust_version_that_is_promised_is_enough_for_every_locked_crate() {
    let promised = env!("CARGO_PKG_RUST_VERSION");
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut command = std::process::Command::new(env!("CARGO"));
    command.args(["metadata", "--locked", "--format-version", "1", "--filter-platform", &target]);
    let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let needs = packages.iter().filter_map(|package| Some((package["rust_version"].as_str()?, &package["name"])));
    let (most, name) = needs.max_by_key(|(text, _)| version(text)).unwrap();
    assert!(version(promised) >= version(most), "rust-version is {promised}; {name} needs {most}");
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    assert!(
        readme.contains(&format!("Rust {promised} or later")),
        "README.md names another Rust version than {promised}"
    );
}

#[test]
fn the_readme_is_for_a_reader_in_a_hurry() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    assert!(readme.lines().count() <= 180, "{} lines", readme.lines().count());
    for line in readme.lines() {
        assert!(line.chars().count() <= 120, "{line}");
    }
}
