use proptest::prelude::*;

use super::*;
use crate::storage::signature::generate_key;

fn key(seed: u8) -> PublicKey {
    generate_key(&[seed; 32], "").unwrap().public_key().clone()
}

fn text(seed: u8) -> String {
    key(seed).to_openssh().unwrap()
}

fn at(time: &str) -> Timestamp {
    Timestamp::parse(time).unwrap()
}

fn noon() -> Timestamp {
    at("2026-06-15T12:00:00Z")
}

fn refusal(line: &str) -> String {
    AllowedSigners::parse(&format!("# comment\n\n{line}\n")).unwrap_err().to_string()
}

fn principal(file: &str, seed: u8, identity: Option<&str>, now: Timestamp) -> Result<String> {
    AllowedSigners::parse(file)?.principal(&key(seed), identity, now).map(str::to_owned)
}

#[test]
fn the_principal_of_a_key_is_found() {
    let file = format!("# who\na@x {}\n\"b@x,c@x\" namespaces=\"pgwitness-*\" {} a comment\n", text(1), text(2));
    assert_eq!(principal(&file, 1, None, noon()).unwrap(), "a@x");
    assert_eq!(principal(&file, 2, Some("c@x"), noon()).unwrap(), "b@x,c@x");
    let error = principal(&file, 2, Some("a@x"), noon()).unwrap_err();
    assert_eq!(error.to_string(), "line 3 of the allowed signers lists this key for b@x,c@x, not for a@x");
    assert!(principal(&file, 3, None, noon()).unwrap_err().to_string().starts_with("unknown signer SHA256:"));
}

#[test]
fn a_later_line_may_allow_what_an_earlier_one_does_not() {
    let file = format!("a@x namespaces=\"file\" {0}\nb@x {0}\n", text(1));
    assert_eq!(principal(&file, 1, None, noon()).unwrap(), "b@x");
}

#[test]
fn namespaces_restrict_a_key() {
    let file = format!("a@x NameSpaces=\"git,file\" {}\n", text(1));
    let error = principal(&file, 1, None, noon()).unwrap_err();
    assert_eq!(error.to_string(), "line 1 of the allowed signers does not let this key sign for pgwitness-report");
}

#[test]
fn a_key_counts_from_valid_after_until_valid_before() {
    let file = format!("a@x valid-after=\"20260615Z\",valid-before=\"202606151200Z\" {}\n", text(1));
    for now in ["2026-06-15T00:00:00Z", "2026-06-15T12:00:00Z"] {
        assert_eq!(principal(&file, 1, None, at(now)).unwrap(), "a@x");
    }
    let early = principal(&file, 1, None, at("2026-06-14T23:59:59Z")).unwrap_err().to_string();
    assert!(early.contains("from 2026-06-15T00:00:00Z on"), "{early}");
    let late = principal(&file, 1, None, at("2026-06-15T12:00:01Z")).unwrap_err().to_string();
    assert!(late.contains("until 2026-06-15T12:00:00Z"), "{late}");
}

#[test]
fn a_line_that_is_not_understood_refuses_the_file() {
    let key = text(1);
    for (line, reason) in [
        (format!("a@x cert-authority {key}"), "certificates (cert-authority) are not supported"),
        (format!("a@x namespace=\"x\" {key}"), "\"namespace\" is not an option"),
        (format!("a@x namespaces=\"x\",namespaces=\"y\" {key}"), "given twice"),
        (format!("a@x valid-before=\"20260101\" {key}"), "is a local time"),
        (format!("a@x valid-before=\"20260230Z\" {key}"), "is not a time"),
        (format!("a@x valid-before=\"+2026101Z\" {key}"), "is not a time"),
        (format!("a@x namespaces=\"x {key}"), "a quotation mark is not closed"),
        (format!("a@x namespaces=\"x\" \"{key}"), "is not a type of key"),
        ("a@x ssh-ed25519".to_owned(), "the key is missing"),
        ("a@x".to_owned(), "the key is missing"),
        ("a@x ssh-ed25519 AAAA".to_owned(), "not a key"),
        (format!("\"\" {key}"), "the principals are missing"),
        (format!("\"a@x {key}"), "a quotation mark is not closed"),
    ] {
        let refusal = refusal(&line);
        assert!(refusal.starts_with("allowed signers, line 3: ") && refusal.contains(reason), "{line}: {refusal}");
    }
}

#[test]
fn keys_of_other_kinds_may_stand_in_the_file() {
    let file = format!("a@x ssh-dss AAAAB3NzaC1kc3M=\nb@x {}\n", text(1));
    assert_eq!(principal(&file, 1, None, noon()).unwrap(), "b@x");
}

#[test]
fn pattern_lists_match_as_in_ssh_config() {
    for (list, text, expected) in [
        ("*@example.com", "a@example.com", true),
        ("*@example.com", "a@example.org", false),
        ("*@example.com,!root@example.com", "root@example.com", false),
        ("!root@example.com", "a@example.com", false),
        ("a?c", "abc", true),
        ("a?c", "ac", false),
        ("a*b*c", "axxbxxbc", true),
        ("a*b*c", "axxbxx", false),
        ("**", "", true),
        ("", "a", false),
    ] {
        assert_eq!(is_listed(list, text), expected, "{list} {text}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_us_panic(
        text in "\\PC*",
        line in "(\"?[a@*!,]{0,4}\"?[ \t]){1,2}((namespaces|valid-after|x)=?(\"[0-9Z,]{0,14}\"?)?,?){0,3} ?(ssh-[a-z0-9]{0,7})? ?[A-Za-z0-9+/=]{0,9}",
    ) {
        drop(AllowedSigners::parse(&text));
        drop(AllowedSigners::parse(&line));
        drop(crate::storage::signature::signer(b"", &text));
        drop(crate::model::report::Report::from_bytes(text.as_bytes()));
        assert!(Timestamp::parse(&text).is_none_or(|time| time.to_string() == text));
    }
}
