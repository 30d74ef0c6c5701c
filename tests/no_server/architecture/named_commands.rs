//! Every command and option that a text names exists: messages, hints, help, comments, README and examples.

use std::collections::BTreeSet;
use std::fs;

use clap::{Command, CommandFactory as _};
use regex::Regex;
use syn::visit::Visit;

use super::documents::documents;
use super::{files, is_of_tests, is_test, source};

/// Words that follow the name of the program in a sentence.
const PROSE: &[&str] = &[
    "alone", "and", "are", "computes", "created", "did", "does", "ends", "hidden", "hold", "itself", "kept", "made",
    "makes", "must", "never", "on", "protects", "reads", "runs", "supports", "that", "wrote",
];

/// Options of other programs.
const OF_OTHERS: &[&str] = &[
    "--all-databases",
    "--array-job-id",
    "--array-properties",
    "--bench",
    "--cache-dir",
    "--check",
    "--clean",
    "--collector",
    "--columns",
    "--compress",
    "--container-overrides",
    "--container-properties",
    "--data-checksums",
    "--data-only",
    "--db-instance-identifier",
    "--db-parameter-group-family",
    "--db-parameter-group-name",
    "--db-subnet-group-description",
    "--db-subnet-group-name",
    "--delete-automated-backups",
    "--description",
    "--document-private-items",
    "--encoding",
    "--exclude",
    "--filters",
    "--from",
    "--from-file",
    "--group-id",
    "--group-name",
    "--home-dir",
    "--ignore-errors",
    "--inserts",
    "--ip-permissions",
    "--job-definition",
    "--job-definition-name",
    "--job-id",
    "--job-name",
    "--job-queue",
    "--job-status",
    "--json",
    "--lib",
    "--load-via-partition-root",
    "--materialize",
    "--min-age",
    "--no-blobs",
    "--no-cache",
    "--no-deps",
    "--no-install-recommends",
    "--no-tablespaces",
    "--now",
    "--only-show-errors",
    "--only-upgrade",
    "--output",
    "--path",
    "--platform-capabilities",
    "--policy-document",
    "--policy-name",
    "--profile",
    "--prune",
    "--query",
    "--read-data",
    "--reason",
    "--recursive",
    "--region",
    "--repo",
    "--retry-strategy",
    "--role",
    "--root",
    "--schema-only",
    "--section",
    "--security-group-rule-ids",
    "--set",
    "--shell",
    "--skip-final-snapshot",
    "--subnet-ids",
    "--system",
    "--tag",
    "--target",
    "--test",
    "--type",
    "--unit",
    "--use-list",
    "--user-group",
    "--user-name",
    "--verbose",
    "--vpc-id",
];

/// Texts of a file of code, outside its tests; comments on items too.
struct Texts {
    found: Vec<String>,
    literal: Regex,
}

impl<'ast> Visit<'ast> for Texts {
    fn visit_lit_str(&mut self, text: &'ast syn::LitStr) {
        self.found.push(text.value());
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        let tokens = called.tokens.to_string();
        let literals =
            self.literal.find_iter(&tokens).filter_map(|found| syn::parse_str::<syn::LitStr>(found.as_str()).ok());
        self.found.extend(literals.map(|literal| literal.value()));
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !is_test(&module.attrs) {
            syn::visit::visit_item_mod(self, module);
        }
    }
}

/// Of the program with the name in front; all that can be asked of the arguments.
struct Interface {
    root: Command,
    options: BTreeSet<String>,
    call: Regex,
    option: Regex,
}

impl Interface {
    fn new() -> Self {
        let mut root = pgwitness::cli::args::Arguments::command();
        root.build();
        let options = all(&root).into_iter().flat_map(options).collect();
        let call = Regex::new(r"(?:^|[^-\w.])pgwitness ([a-z][^`\n;>|,)]*)").unwrap();
        let option = Regex::new(r"(?:^|[^-\w])(--[a-z][-a-z]+)").unwrap();
        Self { root, options, call, option }
    }

    /// What is named and does not exist.
    fn unknown(&self, text: &str) -> Vec<String> {
        let mut unknown: Vec<String> =
            self.call.captures_iter(text).filter_map(|found| self.unknown_in_call(&found[1])).collect();
        let named = self.option.captures_iter(text).map(|found| found[1].to_owned());
        // A word alone is an argument for a program that we start.
        let is_message = text.contains(char::is_whitespace);
        unknown.extend(
            named.filter(|name| is_message && !self.options.contains(name) && !OF_OTHERS.contains(&name.as_str())),
        );
        unknown
    }

    fn unknown_in_call(&self, call: &str) -> Option<String> {
        let mut words =
            call.split_whitespace().map(|word| word.trim_end_matches(['.', ':', ']', '"', '\''])).peekable();
        let first = words.next()?;
        let Some(mut command) = self.root.find_subcommand(first) else {
            return (!PROSE.contains(&first)).then(|| format!("pgwitness {call}"));
        };
        while let Some(word) = words.peek().filter(|_| command.has_subcommands()) {
            match command.find_subcommand(word) {
                Some(below) => command = below,
                None if word.starts_with('-') || PROSE.contains(word) => break,
                // It also does something without a further command.
                None if command.get_positionals().next().is_some() => break,
                None => return Some(format!("pgwitness {call}")),
            }
            words.next();
        }
        let options = options(command);
        let named = words.take_while(|word| *word != "or").filter(|word| word.starts_with("--"));
        let unknown = named.map(|word| word.split('=').next().unwrap_or(word)).find(|name| !options.contains(*name));
        unknown.map(|name| format!("{name} of pgwitness {call}"))
    }
}

fn all(command: &Command) -> Vec<&Command> {
    std::iter::once(command).chain(command.get_subcommands().flat_map(all)).collect()
}

fn options(command: &Command) -> BTreeSet<String> {
    let long = command.get_arguments().flat_map(|argument| {
        let aliases = argument.get_all_aliases().unwrap_or_default();
        aliases.into_iter().chain(argument.get_long()).map(|name| format!("--{name}")).collect::<Vec<_>>()
    });
    long.collect()
}

#[test]
fn every_command_and_option_that_a_text_names_exists() {
    let interface = Interface::new();
    let literal = Regex::new(r#""(?s:\\.|[^"\\])*""#).unwrap();
    let mut texts = Vec::new();
    for path in files(&source()).into_iter().filter(|path| !is_of_tests(path)) {
        let mut texts_of_file = Texts { found: Vec::new(), literal: literal.clone() };
        texts_of_file.visit_file(&syn::parse_file(&fs::read_to_string(&path).unwrap()).unwrap());
        texts.extend(texts_of_file.found.into_iter().map(|text| (path.clone(), text)));
    }
    let examples = fs::read_dir(source().join("config/examples")).unwrap().map(|entry| entry.unwrap().path());
    texts.extend(examples.chain(documents()).map(|path| (path.clone(), fs::read_to_string(&path).unwrap())));
    let calls = texts.iter().filter(|(_, text)| text.contains("pgwitness ")).count();
    assert!(calls > 80, "only {calls} were looked at");
    let unknown = texts
        .iter()
        .flat_map(|(path, text)| interface.unknown(text).into_iter().map(|name| format!("{}: {name}", path.display())));
    let unknown: BTreeSet<String> = unknown.collect();
    assert!(unknown.is_empty(), "{unknown:#?}");
}

#[test]
fn a_command_or_option_that_does_not_exist_is_seen_in_a_text() {
    let interface = Interface::new();
    for wrong in [
        "try: pgwitness backup list",
        "`pgwitness report lists`",
        "`pgwitness backups prune` removes it",
        "pgwitness report list --signers FILE",
        "see pgwitness nightly --max-age 26h or a longer one",
        "name it with --back-up",
    ] {
        assert_eq!(interface.unknown(wrong).len().min(1), 1, "{wrong}");
    }
    for right in ["`pgwitness report` shows it", "pgwitness report verify --files --max-age=26h", "use --backup ID"] {
        assert_eq!(interface.unknown(right), Vec::<String>::new(), "{right}");
    }
}
