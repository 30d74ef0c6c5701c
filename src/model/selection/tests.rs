use super::*;

fn catalog(path: &[&str], relations: &[(&str, &str)]) -> Catalog {
    let relations: Vec<Name> = relations.iter().map(|(schema, name)| Name::new(*schema, *name)).collect();
    let search_path = Some(path.iter().map(|schema| (*schema).to_owned()).collect());
    Catalog::new(relations.iter(), &Names { search_path, ..Default::default() })
}

fn meant(pattern: &str, catalog: &Catalog) -> Vec<String> {
    Pattern::table(pattern).unwrap().relations(catalog).iter().map(ToString::to_string).collect()
}

fn matches(pattern: &str, schema: &str, name: &str) -> bool {
    Pattern::table(pattern).unwrap().matches(&Name::new(schema, name))
}

#[test]
fn patterns_are_those_of_pg_dump() {
    assert!(matches("Orders", "shop", "orders"));
    assert!(!matches("\"Orders\"", "shop", "orders"));
    assert!(matches("shop.*", "shop", "a.b\nc"));
    assert!(matches("*.order?", "shop", "orders"));
    assert!(matches("\"a.b\"", "x", "a.b"));
    assert!(!matches("a$b", "x", "a"));
    assert!(matches("a$b", "x", "a$b"));
    assert!(matches("\"say \"\"*\"\"\"", "x", "say \"*\""));
    assert!(matches("log_[0-9]+", "x", "log_2024"));
    assert!(!matches("\"log_[0-9]+\"", "x", "log_2024"));
    assert!(matches("(a|b)c", "x", "bc"));
    assert!(matches("x[]", "x", "x[]"));
}

#[test]
fn a_bad_pattern_is_refused() {
    assert!(Pattern::table("a.b.c").is_err());
    assert!(Pattern::table("\"a").is_err());
    assert!(Pattern::table("a(").is_err());
    assert!(Pattern::schema("a.b").is_err());
}

#[test]
fn a_name_without_a_schema_means_what_the_search_path_finds() {
    let relations = [("public", "sessions"), ("s2", "sessions"), ("s2", "other"), ("s3", "sessions")];
    assert_eq!(meant("sessions", &catalog(&["public"], &relations)), ["public.sessions"]);
    assert_eq!(meant("sessions", &catalog(&["s2", "public"], &relations)), ["s2.sessions"], "the first hides the rest");
    assert_eq!(meant("*", &catalog(&["public", "s2"], &relations)), ["public.sessions", "s2.other"]);
    assert_eq!(meant("sessions", &catalog(&[], &relations)), [""; 0]);
    assert_eq!(meant("*.sessions", &catalog(&["public"], &relations)).len(), 3);
}

#[test]
fn a_partitioned_table_stands_for_its_partitions() {
    let [root, middle, leaf, other] = ["p", "p1", "p1_1", "q"].map(|name| Name::new("public", name));
    let names = Names {
        others: [root.clone(), middle.clone()].into(),
        partitions: [(middle.clone(), root), (leaf.clone(), middle)].into(),
        ..Default::default()
    };
    let catalog = Catalog::new([leaf, other].iter(), &names);
    assert_eq!(meant("p", &catalog), ["public.p", "public.p1", "public.p1_1"]);
    assert_eq!(meant("p1", &catalog), ["public.p1", "public.p1_1"]);
}

#[test]
fn a_search_path_is_read_as_the_server_writes_it() {
    let usable = ["public", "ana", "My Schema", "a\"b"].map(str::to_owned);
    let path = |setting: &str| search_path(setting, "ana", &usable);
    assert_eq!(path("\"$user\", public"), ["ana", "public"]);
    assert_eq!(path("\"My Schema\", PUBLIC, gone"), ["My Schema", "public"]);
    assert_eq!(path("\"a\"\"b\""), ["a\"b"]);
    assert_eq!(path("\"\""), [""; 0]);
}

#[test]
fn exclusion_wins_over_inclusion() {
    let selection = Selection {
        tables: vec![Pattern::table("shop.*").unwrap()],
        exclude_tables: vec![Pattern::table("*.log").unwrap()],
        ..Default::default()
    };
    assert!(selection.has_table(&Name::new("shop", "orders")));
    assert!(!selection.has_table(&Name::new("shop", "log")));
    assert!(!selection.has_table(&Name::new("public", "orders")));
    assert!(selection.has_object(Some("shop"), Some("orders")));
    assert!(!selection.has_object(Some("shop"), None));
    assert!(!selection.has_large_objects());
}

#[test]
fn a_pattern_that_selects_nothing_is_named() {
    let selection = Selection { tables: vec![Pattern::table("ordres").unwrap()], ..Default::default() };
    assert_eq!(selection.unmatched(&catalog(&["shop"], &[("shop", "orders")])), [("--table", "ordres")]);
}
