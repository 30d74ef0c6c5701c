//! A time as stored forms, directory names and allowed_signers files spell it: UTC, whole seconds.
//!
//! Does not read the clock: the caller passes the current time.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Seconds of a day.
pub const DAY_S: u64 = 86_400;

/// Seconds since 1970-01-01T00:00:00Z, leap seconds not counted; up to the year 9999.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// 9999-12-31T23:59:59Z: beyond, the year has five digits and texts no longer sort as times do.
    pub const MAX: Self = Self(253_402_300_799);

    /// Times before 1970 become 1970, times after 9999 become 9999.
    pub fn new(time: SystemTime) -> Self {
        Self(time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())).min(Self::MAX)
    }

    /// Takes back what `Display` prints, and nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let time = humantime::parse_rfc3339(text).ok().map(Self::new);
        time.filter(|timestamp| timestamp.to_string() == text)
    }

    /// Seconds since 1970.
    pub const fn seconds(self) -> u64 {
        self.0
    }

    /// So much later; at most [`Self::MAX`].
    #[must_use]
    pub fn plus_seconds(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds)).min(Self::MAX)
    }

    /// For names of files, sorts as time does: `20260131T235959Z`.
    pub fn stamp(self) -> String {
        self.to_string().replace(['-', ':'], "")
    }

    /// Takes back what [`Timestamp::stamp`] gives, and nothing else.
    pub fn from_stamp(stamp: &str) -> Option<Self> {
        let part = |from: usize, to: usize| stamp.get(from..to);
        let (date, time) = ([part(0, 4)?, part(4, 6)?, part(6, 8)?], [part(9, 11)?, part(11, 13)?, part(13, 15)?]);
        let time = Self::parse(&format!("{}T{}Z", date.join("-"), time.join(":")));
        time.filter(|timestamp| timestamp.stamp() == stamp)
    }

    /// 0 when `earlier` is later.
    pub fn seconds_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// So many seconds before this; not before 1970.
    pub fn minus_seconds(self, seconds: u64) -> Self {
        Self(self.0.saturating_sub(seconds))
    }

    /// Year, month from 1, day from 1.
    pub fn date(self) -> (u64, u64, u64) {
        let text = self.to_string();
        let number = |from: usize, to: usize| text.get(from..to).and_then(|part| part.parse().ok()).unwrap_or_default();
        (number(0, 4), number(5, 7), number(8, 10))
    }
}

/// RFC 3339: `2026-01-31T23:59:59Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(self.0)).fmt(f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom(format!("{text:?} is not a time like 2026-01-31T23:59:59Z")))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_time_comes_back_from_its_text(seconds in 0..=Timestamp::MAX.0) {
            let time = Timestamp::new(UNIX_EPOCH + Duration::from_secs(seconds));
            prop_assert_eq!(Timestamp::parse(&time.to_string()), Some(time));
        }

        #[test]
        fn texts_sort_as_times_do(a in 0..=Timestamp::MAX.0, b in 0..=Timestamp::MAX.0) {
            prop_assert_eq!(a.cmp(&b), Timestamp(a).stamp().cmp(&Timestamp(b).stamp()));
        }
    }

    #[test]
    fn known_times_are_printed_as_date_prints_them() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (1_798_761_599, "2026-12-31T23:59:59Z"),
            (Timestamp::MAX.0, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(Timestamp(seconds).to_string(), text);
        }
        assert_eq!(Timestamp(951_782_400).stamp(), "20000229T000000Z");
        assert_eq!(Timestamp(951_782_400).date(), (2000, 2, 29));
        assert_eq!(Timestamp::from_stamp("20000229T000000Z"), Some(Timestamp(951_782_400)));
        assert_eq!(Timestamp::from_stamp("20010229T000000Z"), None);
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01 00:00:00Z",
            "+026-01-01T00:00:00Z",
            "2026-01-01T00:00:00+00:00",
            "2026-01-01T00:00:00.5Z",
            "2016-12-31T23:59:60Z",
            "1969-12-31T23:59:59Z",
        ] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }
}
