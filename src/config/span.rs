//! A duration with a unit, as in `90s`.
//!
//! At least one second; the unit is required, since `90` alone is ambiguous.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::base::error::{Error, Result};

/// Unit letters with their seconds, from the longest.
const UNITS: [(char, u64); 5] = [('w', 7 * 86_400), ('d', 86_400), ('h', 3600), ('m', 60), ('s', 1)];

/// A hundred years: what is longer is a typing error, and sums of times below it never overflow.
const MAX_S: u64 = 36_525 * 86_400;

/// A length of time: `90s`, `30m`, `26h`, `7d`, `4w`; whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(u64);

impl Span {
    /// So many seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(seconds)
    }

    /// As the standard library has it.
    pub const fn duration(self) -> std::time::Duration {
        std::time::Duration::from_secs(self.0)
    }
}

impl FromStr for Span {
    type Err = Error;

    /// # Errors
    /// No number, no unit, nothing at all of it, or more than a hundred years.
    fn from_str(text: &str) -> Result<Self> {
        let what = || format!("{text:?} is not a length of time like 90s, 30m, 26h, 7d or 4w");
        let split = text.char_indices().next_back().map_or(0, |(at, _)| at);
        let (digits, letter) = text.split_at(split);
        let unit = UNITS.iter().find(|(unit, _)| letter.chars().eq([*unit]));
        let Some((_, unit_s)) = unit.filter(|_| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
        else {
            return Err(Error::new(what()));
        };
        let seconds = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(*unit_s));
        match seconds {
            Some(0) => Err(Error::new(format!("{text:?} is no time at all"))),
            Some(seconds) if seconds <= MAX_S => Ok(Self(seconds)),
            _ => Err(Error::new(format!("{text:?} is more than a hundred years"))),
        }
    }
}

/// In the longest unit that gives a whole number.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |unit_s: u64| self.0 > 0 && self.0.is_multiple_of(unit_s);
        let (letter, unit_s) = UNITS.into_iter().find(|(_, unit_s)| fits(*unit_s)).unwrap_or(('s', 1));
        write!(f, "{}{letter}", self.0 / unit_s)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_span_comes_back_from_its_text(seconds in 1..=MAX_S) {
            prop_assert_eq!(Span(seconds).to_string().parse::<Span>().unwrap(), Span(seconds));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,12}") {
            let _ = text.parse::<Span>();
        }
    }

    #[test]
    fn spans_read_as_people_write_them() {
        for (text, seconds) in [("90s", 90), ("30m", 1800), ("26h", 93_600), ("7d", 604_800), ("4w", 2_419_200)] {
            assert_eq!(text.parse::<Span>().unwrap(), Span(seconds));
        }
        let shown = |seconds| Span(seconds).to_string();
        assert_eq!([90, 5400, 93_600, 2_592_000, 604_800].map(shown), ["90s", "90m", "26h", "30d", "1w"]);
    }

    #[test]
    fn garbage_zero_and_eternity_are_refused() {
        for text in ["", "s", "90", "90 s", "-1h", "+1h", "1.5h", "1h30m", "1y", "1H", "٣h", "1µ"] {
            let error = text.parse::<Span>().unwrap_err().to_string();
            assert!(error.ends_with("is not a length of time like 90s, 30m, 26h, 7d or 4w"), "{error}");
        }
        assert_eq!("0h".parse::<Span>().unwrap_err().to_string(), "\"0h\" is no time at all");
        for text in ["36526d", "99999999999999999999w", "18446744073709551615w"] {
            assert!(text.parse::<Span>().unwrap_err().to_string().ends_with("a hundred years"), "{text}");
        }
    }
}
