//! The names of temporary instances: `PREFIX-YYYYMMDDthhmmssz-8hex`.
//!
//! Never decides alone what may be deleted: a name is the weakest of the proofs.

use crate::time::Timestamp;

/// A new name; `random` is 8 hexadecimal digits in lower case.
pub fn identifier(prefix: &str, now: Timestamp, random: &str) -> String {
    format!("{prefix}-{}-{random}", now.stamp().to_lowercase())
}

/// Whether this whole text is a name that [`identifier`] could have made with this prefix.
pub fn is_temporary_identifier(prefix: &str, text: &str) -> bool {
    let Some((stamp, random)) = rest(prefix, text).and_then(|rest| rest.split_once('-')) else { return false };
    is_stamp(stamp) && random.len() == 8 && random.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn rest<'a>(prefix: &str, text: &'a str) -> Option<&'a str> {
    if prefix.is_empty() { None } else { text.strip_prefix(prefix)?.strip_prefix('-') }
}

/// `20260131t235959z`, and a time that there is.
fn is_stamp(stamp: &str) -> bool {
    let digits = |from: usize, to: usize| {
        stamp.get(from..to).filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()))?.parse::<u64>().ok()
    };
    let time = || {
        let date = [digits(0, 4)?, digits(4, 6)?, digits(6, 8)?];
        Timestamp::from_civil(date, [digits(9, 11)?, digits(11, 13)?, digits(13, 15)?])
    };
    time().is_some_and(|time| time.stamp().to_lowercase() == stamp)
}
