//! Counts in stored JSON: a number up to 2^53 - 1, a text beyond.
//!
//! Many readers store numbers as floating point, which is exact only up to 2^53 - 1. Each count has only one form, so equal values are
//! equal bytes: use it as `#[serde(with = "crate::base::count")]`.

use std::fmt;

use serde::{Deserializer, Serializer, de};

/// The largest integer that every JSON reader holds exactly: 2^53 - 1.
pub const MAX_NUMBER: u64 = (1 << 53) - 1;

/// A number up to [`MAX_NUMBER`], text in decimal digits beyond.
pub fn serialize<S: Serializer>(count: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    if *count <= MAX_NUMBER { serializer.serialize_u64(*count) } else { serializer.collect_str(count) }
}

/// Takes back what [`serialize`] writes and nothing else.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    deserializer.deserialize_any(CountVisitor)
}

struct CountVisitor;

impl de::Visitor<'_> for CountVisitor {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a count: a whole number up to {MAX_NUMBER}, as text beyond")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<u64, E> {
        if number <= MAX_NUMBER { Ok(number) } else { Err(E::invalid_value(de::Unexpected::Unsigned(number), &self)) }
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<u64, E> {
        let count = text.parse().ok().filter(|count: &u64| *count > MAX_NUMBER && count.to_string() == text);
        count.ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Count(#[serde(with = "crate::base::count")] u64);

    #[test]
    fn every_count_comes_back_and_large_ones_are_text() {
        for (count, stored) in [
            (0, "0"),
            (MAX_NUMBER, "9007199254740991"),
            (MAX_NUMBER + 1, "\"9007199254740992\""),
            (u64::MAX, "\"18446744073709551615\""),
        ] {
            assert_eq!(serde_json::to_string(&Count(count)).unwrap(), stored);
            assert_eq!(serde_json::from_str::<Count>(stored).unwrap(), Count(count));
        }
    }

    #[test]
    fn a_count_has_one_form_only() {
        for stored in
            ["\"7\"", "9007199254740992", "\"09007199254740992\"", "\"+9007199254740992\"", "1.0", "-1", "true"]
        {
            serde_json::from_str::<Count>(stored).unwrap_err();
        }
    }
}
