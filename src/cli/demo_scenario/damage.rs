//! The damage cases of the demo: those of the test suite, each with the findings that it must cause.

/// One damage case, and exactly the findings that it must cause.
#[derive(Debug, Clone, Copy)]
pub struct DamageCase {
    /// A short heading.
    pub title: &'static str,
    /// Name of the database to damage.
    pub database: &'static str,
    text: &'static str,
}

macro_rules! damage_case {
    ($title:literal, $stem:literal) => {
        DamageCase {
            title: $title,
            database: $stem,
            text: include_str!(concat!("../../../fixtures/damage/", $stem, ".sql")),
        }
    };
}

/// All cases, in the order in which they are shown.
pub const WOUNDS: [DamageCase; 6] = [
    damage_case!("One cent", "club_one_cent"),
    damage_case!("One row", "club_entry_lost"),
    damage_case!("An orphan", "club_member_lost"),
    damage_case!("An index", "club_index_missing"),
    damage_case!("A trigger", "club_trigger_disabled"),
    damage_case!("A sequence", "club_sequence_behind"),
];

/// The assertions that belong to the database, by name.
pub const ASSERTIONS: [(&str, &str); 2] = [
    ("balances", include_str!("../../../fixtures/assertions/club/balances.sql")),
    ("entries_paid_once", include_str!("../../../fixtures/assertions/club/entries_paid_once.sql")),
];

impl DamageCase {
    fn header(&self, key: &str) -> impl Iterator<Item = &'static str> {
        let prefix = format!("-- {key}: ");
        self.text.lines().filter_map(move |line| line.strip_prefix(prefix.as_str()))
    }

    /// How this damage happens in practice.
    pub fn why(&self) -> &'static str {
        self.header("why").next().unwrap_or_default()
    }

    /// The expected findings as printed, sorted; no others may occur.
    pub fn expected(&self) -> Vec<String> {
        let mut expected: Vec<String> = self.header("expect").map(str::to_owned).collect();
        expected.sort();
        expected
    }

    /// The SQL statements.
    pub fn sql(&self) -> String {
        let lines = self.text.lines().filter(|line| !line.starts_with("--"));
        lines.collect::<Vec<_>>().join("\n").trim().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wound_says_what_it_does_and_what_must_be_found() {
        for damage_case in WOUNDS {
            assert!(
                !damage_case.why().is_empty() && !damage_case.expected().is_empty() && !damage_case.sql().is_empty(),
                "{damage_case:?}"
            );
            assert!(!damage_case.sql().contains("--"), "{}", damage_case.sql());
        }
    }
}
