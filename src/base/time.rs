//! A time as stored forms, directory names and allowed_signers files spell it: UTC, whole seconds.
//!
//! Does not read the clock: the caller passes the current time.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

const DAY_S: u64 = 86_400;

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

    /// A date and time of day, if there is such a one.
    pub fn from_civil(date: [u64; 3], time: [u64; 3]) -> Option<Self> {
        let ([year, month, day], [hour, minute, second]) = (date, time);
        let is_valid = (1970..=9999).contains(&year) && day >= 1 && day <= month_days(year, month)?;
        if !is_valid || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let months: u64 = (1..month).filter_map(|month| month_days(year, month)).sum();
        let days = days_before(year) + months + day - 1;
        Some(Self(days * DAY_S + hour * 3600 + minute * 60 + second))
    }

    /// Takes back what `Display` prints, and nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let number = |from: usize, to: usize| text.get(from..to)?.parse::<u64>().ok();
        let date = [number(0, 4)?, number(5, 7)?, number(8, 10)?];
        let time = [number(11, 13)?, number(14, 16)?, number(17, 19)?];
        Self::from_civil(date, time).filter(|timestamp| timestamp.to_string() == text)
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
        let number = |from: usize, to: usize| stamp.get(from..to)?.parse::<u64>().ok();
        let date = [number(0, 4)?, number(4, 6)?, number(6, 8)?];
        let time = [number(9, 11)?, number(11, 13)?, number(13, 15)?];
        Self::from_civil(date, time).filter(|timestamp| timestamp.stamp() == stamp)
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
        let days = self.0 / DAY_S;
        // A year has at most 366 days: the guess is never too late, and a few steps at most too early.
        let mut year = 1970 + days / 366;
        while days_before(year + 1) <= days {
            year += 1;
        }
        let (mut month, mut day) = (1, days - days_before(year));
        while let Some(length) = month_days(year, month).filter(|length| *length <= day) {
            (month, day) = (month + 1, day - length);
        }
        (year, month, day + 1)
    }
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

/// Days from 1970-01-01 to the first day of this year.
fn days_before(year: u64) -> u64 {
    let leaps = |year: u64| year / 4 - year / 100 + year / 400;
    (year - 1970) * 365 + leaps(year - 1) - leaps(1969)
}

fn month_days(year: u64, month: u64) -> Option<u64> {
    match month {
        2 => Some(28 + u64::from(is_leap(year))),
        4 | 6 | 9 | 11 => Some(30),
        1..=12 => Some(31),
        _ => None,
    }
}

/// RFC 3339: `2026-01-31T23:59:59Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ((year, month, day), second) = (self.date(), self.0 % DAY_S);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
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
    use std::time::Duration;

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
        ] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }
}
