//! ICU locales: from 16 on the server stores a BCP 47 language tag, older servers store the text that the user wrote.
//!
//! `de@collation=phonebook` is `de-u-co-phonebk` after a restore. Unknown locales keep their text, so they stay a difference.

use std::collections::BTreeMap;

/// Whether two definitions (of a collation, of a database) differ only in how they write an ICU locale.
pub fn is_same(e: &str, a: &str) -> bool {
    is_icu(e) && is_icu(a) && standard(e) == standard(a)
}

fn is_icu(definition: &str) -> bool {
    definition.lines().any(|line| line == "provider icu")
}

fn standard(definition: &str) -> Vec<String> {
    let line = |line: &str| match line.strip_prefix("locale ") {
        Some(locale) => format!("locale {}", tag(locale)),
        None => line.to_owned(),
    };
    definition.lines().map(line).collect()
}

/// The language tag of an ICU locale, as far as attributes of collations go.
fn tag(locale: &str) -> String {
    let (base, keywords) = locale.split_once('@').unwrap_or((locale, ""));
    let base = base.replace('_', "-");
    let (base, extension) = base.split_once("-u-").unwrap_or((&base, ""));
    let mut attributes = attributes(extension);
    for keyword in keywords.split(';').filter(|keyword| !keyword.is_empty()) {
        let (name, value) = keyword.split_once('=').unwrap_or((keyword, ""));
        let key = key(&name.to_lowercase());
        attributes.insert(key.clone(), self::value(&key, &value.to_lowercase()));
    }
    let mut tag = language(base);
    if !attributes.is_empty() {
        tag.push_str("-u");
        attributes.iter().for_each(|(key, value)| tag.push_str(&format!("-{key}-{value}")));
    }
    tag
}

/// `en-us` is `en-US`, `sr-latn-rs` is `sr-Latn-RS`, nothing and `root` are `und`.
fn language(base: &str) -> String {
    let part = |(index, part): (usize, &str)| match (index, part.len()) {
        (0, 0) => "und".to_owned(),
        (0, _) if part.eq_ignore_ascii_case("root") => "und".to_owned(),
        (1.., 2) => part.to_uppercase(),
        (1.., 4) if part.bytes().all(|byte| byte.is_ascii_alphabetic()) => {
            part[..1].to_uppercase() + &part[1..].to_lowercase()
        }
        _ => part.to_lowercase(),
    };
    base.split('-').enumerate().map(part).collect::<Vec<_>>().join("-")
}

/// `co-phonebk-kn` sets two attributes; a key without a value is true.
fn attributes(extension: &str) -> BTreeMap<String, String> {
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    let mut current = None;
    for part in extension.split('-').filter(|part| !part.is_empty()).map(str::to_lowercase) {
        match &current {
            Some(key) if part.len() > 2 => {
                let value: &mut String = found.entry(String::clone(key)).or_default();
                let word = self::value(key, &part);
                *value = if value == "true" { word } else { format!("{value}-{word}") };
            }
            _ => {
                found.insert(part.clone(), "true".into());
                current = Some(part);
            }
        }
    }
    found
}

/// The key of an old keyword; others are unchanged.
fn key(name: &str) -> String {
    let known = match name {
        "collation" => "co",
        "colstrength" => "ks",
        "colalternate" => "ka",
        "colbackwards" => "kb",
        "colcaselevel" => "kc",
        "colcasefirst" => "kf",
        "colhiraganaquaternary" => "kh",
        "colnormalization" => "kk",
        "colnumeric" => "kn",
        "colreorder" => "kr",
        other => other,
    };
    known.to_owned()
}

/// The value of an attribute in the language tag; others are unchanged.
fn value(key: &str, value: &str) -> String {
    let known = match (key, value) {
        ("co", "phonebook") => "phonebk",
        ("co", "dictionary") => "dict",
        ("co", "traditional") => "trad",
        ("co", "gb2312han") => "gb2312",
        ("ks", "primary") => "level1",
        ("ks", "secondary") => "level2",
        ("ks", "tertiary") => "level3",
        ("ks", "quaternary") => "level4",
        ("ks", "identical") => "identic",
        ("ka", "non-ignorable") => "noignore",
        (_, "yes") => "true",
        (_, "no") => "false",
        (_, other) => other,
    };
    known.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As 15 keeps them and as 16 and 18 print them after a restore.
    const MEASURED: [(&str, &str); 9] = [
        ("en_US", "en-US"),
        ("de@collation=phonebook", "de-u-co-phonebk"),
        ("", "und"),
        ("@colStrength=secondary", "und-u-ks-level2"),
        ("de_DE@colNumeric=yes;colCaseFirst=upper", "de-DE-u-kf-upper-kn-true"),
        ("sr_Latn_RS", "sr-Latn-RS"),
        ("EN-us", "en-US"),
        ("de-u-co-phonebk-kn", "de-u-co-phonebk-kn-true"),
        ("root", "root"),
    ];

    #[test]
    fn a_locale_and_its_standard_form_are_the_same() {
        let definition = |locale: &str| format!("provider icu\nlocale {locale}\nnot deterministic");
        for (written, standard) in MEASURED {
            assert!(is_same(&definition(written), &definition(standard)), "{written}: {}", tag(written));
            assert_eq!(tag(standard).replace("und", "root"), standard.replace("und", "root"), "already standard");
        }
    }

    #[test]
    fn two_locales_that_sort_otherwise_stay_different() {
        for (index, (one, _)) in MEASURED.iter().enumerate() {
            for (other, _) in &MEASURED[index + 1..] {
                let is_same = tag(one) == tag(other);
                let alike = [("en_US", "EN-us"), ("", "root")];
                assert_eq!(is_same, alike.contains(&(*one, *other)), "{one} and {other}");
            }
        }
        assert_ne!(tag("de-u-ks-level1"), tag("de-u-ks-level2"));
        assert!(!is_same("provider libc\nlocale en_US", "provider libc\nlocale en-US"));
    }
}
