//! Detects dumps whose timestamptz, bytea or money values were not printed with TimeZone=UTC, bytea_output=hex and lc_monetary=C.
//!
//! pg_dump takes these three settings from the database, the role or the environment. Rows of such a table cannot be compared by
//! digest, so they are unchecked, not damaged. Values are never converted.

use crate::model::manifest::Column;

const OTHER_ZONE: &str = "timestamptz values are not in UTC: make the dump with \
                          PGOPTIONS='-c timezone=UTC -c bytea_output=hex -c lc_monetary=C'";
const OTHER_BYTES: &str = "bytea values are not in hex format: make the dump with \
                           PGOPTIONS='-c timezone=UTC -c bytea_output=hex -c lc_monetary=C'";
const OTHER_MONEY: &str = "money values are not in the C locale: make the dump with \
                           PGOPTIONS='-c timezone=UTC -c bytea_output=hex -c lc_monetary=C'";

/// The columns of a table whose text depends on these settings, by their position in the dump's line.
#[derive(Debug, Default)]
pub struct OutputSettingsCheck {
    columns: Vec<(usize, Test)>,
}

type Test = fn(&[u8]) -> Option<&'static str>;

impl OutputSettingsCheck {
    /// `order`: the columns of a line.
    pub fn of(order: &[String], columns: &[Column]) -> Self {
        let type_name =
            |name: &String| columns.iter().find(|column| *name == column.name).map(|c| c.type_name.as_str());
        let test = |(place, name): (usize, &String)| Some((place, test_for(type_name(name)?)?));
        Self { columns: order.iter().enumerate().filter_map(test).collect() }
    }

    /// Why this line cannot be compared, and what to do; `None` if it can.
    pub fn complaint(&self, line: &[u8]) -> Option<&'static str> {
        let mut columns = self.columns.iter().peekable();
        let (mut start, mut place) = (0, 0);
        let ends = memchr::memchr_iter(b'\t', line).chain([line.len()]);
        for end in ends {
            let (wanted, test) = columns.peek()?;
            if *wanted == place {
                let complaint = line.get(start..end).filter(|field| *field != b"\\N").and_then(test);
                if complaint.is_some() {
                    return complaint;
                }
                columns.next();
            }
            (start, place) = (end + 1, place + 1);
        }
        None
    }
}

fn test_for(type_name: &str) -> Option<Test> {
    let type_name = type_name.strip_prefix("pg_catalog.").unwrap_or(type_name);
    let has_zone = type_name.starts_with("timestamp") && type_name.contains("with time zone");
    if has_zone || type_name.starts_with("tstzrange") || type_name.starts_with("tstzmultirange") {
        Some(|field| has_other_zone(field).then_some(OTHER_ZONE))
    } else if type_name == "bytea" {
        // The backslash is doubled by COPY.
        Some(|field| (!field.starts_with(b"\\\\x")).then_some(OTHER_BYTES))
    } else if type_name == "money" {
        Some(|field| (!is_dollars(field)).then_some(OTHER_MONEY))
    } else {
        None
    }
}

/// Looks for `:00.5+01` and the like anywhere, so that arrays and ranges need no parser. A date has no colon before its signs.
fn has_other_zone(field: &[u8]) -> bool {
    memchr::memchr2_iter(b'+', b'-', field).any(|at| {
        let (before, after) = field.split_at(at);
        let is_offset = before.iter().rev().find(|byte| !matches!(byte, b'0'..=b'9' | b'.')) == Some(&b':');
        let is_utc = after.get(1..3) == Some(b"00") && !matches!(after.get(3), Some(b':' | b'0'..=b'9'));
        is_offset && !is_utc
    })
}

/// `-$1,234.50`
fn is_dollars(field: &[u8]) -> bool {
    let amount = field.strip_prefix(b"-").unwrap_or(field).strip_prefix(b"$").unwrap_or_default();
    match amount.split_last_chunk::<3>() {
        Some((whole, [b'.', tens, ones])) => {
            let is_part = |part: &[u8]| part.len() <= 3 && !part.is_empty() && part.iter().all(u8::is_ascii_digit);
            whole.split(|&byte| byte == b',').all(is_part) && tens.is_ascii_digit() && ones.is_ascii_digit()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(type_name: &str, field: &str) -> Option<&'static str> {
        let column = |name: &str, type_name: &str| Column {
            name: name.into(),
            type_name: type_name.into(),
            is_generated: false,
            is_virtual: false,
        };
        let columns = [column("note", "text"), column("value", type_name)];
        let order = ["value".to_owned(), "note".to_owned()];
        OutputSettingsCheck::of(&order, &columns).complaint(format!("{field}\t12:00:00+11").as_bytes())
    }

    #[test]
    fn utc_is_ours_and_every_other_offset_is_not() {
        for ours in [
            "2024-01-01 00:00:00+00",
            "0044-03-15 12:00:00.5+00 BC",
            "infinity",
            "-infinity",
            "\\N",
            "294276-12-31 23:59:59.999999+00",
        ] {
            assert_eq!(complaint("timestamp with time zone", ours), None, "{ours}");
        }
        for other in [
            "2024-01-01 00:00:00+11",
            "2024-01-01 00:00:00.25-03:30",
            "1800-01-01 00:00:00-00:01:15",
            "1800-01-01 00:00:00+00:53:28",
        ] {
            assert_eq!(complaint("timestamp(3) with time zone", other), Some(OTHER_ZONE), "{other}");
        }
        let range = r#"["2024-01-01 00:00:00+00","2024-07-01 01:00:00+01")"#;
        assert_eq!(complaint("tstzrange", range), Some(OTHER_ZONE));
        assert_eq!(complaint("timestamp with time zone[]", "{}"), None);
    }

    #[test]
    fn times_that_carry_their_own_zone_or_none_are_left_alone() {
        assert_eq!(complaint("time with time zone", "12:00:00+11"), None);
        assert_eq!(complaint("timestamp without time zone", "2024-01-01 00:00:00"), None);
        assert_eq!(complaint("text", "2024-01-01 00:00:00+11"), None);
    }

    #[test]
    fn bytes_are_hex_and_money_is_dollars() {
        assert_eq!(complaint("bytea", r"\\x5c00"), None);
        for other in ["", "abc", r"\\\\x00", r"\\000"] {
            assert_eq!(complaint("bytea", other), Some(OTHER_BYTES), "{other:?}");
        }
        for ours in ["$0.00", "-$92,233,720,368,547,758.08"] {
            assert_eq!(complaint("money", ours), None, "{ours}");
        }
        for other in ["1.234,50 €", "$ 1.234,50", "$1.234,50", "($1.00)", "£1.00"] {
            assert_eq!(complaint("money", other), Some(OTHER_MONEY), "{other}");
        }
    }
}
