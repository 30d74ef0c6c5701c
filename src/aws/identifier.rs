//! The names of temporary instances: `PREFIX-YYYYMMDDthhmmssz-8hex`.
//!
//! A name alone does not permit deletion: it is the weakest of the proofs.

use crate::base::time::Timestamp;

/// A new name; `random` is 8 hexadecimal digits in lower case.
pub fn identifier(prefix: &str, now: Timestamp, random: &str) -> String {
    format!("{prefix}-{}-{random}", now.stamp().to_lowercase())
}

/// Whether the whole text is a name that [`identifier`] can make with this prefix.
pub fn is_temporary_identifier(prefix: &str, text: &str) -> bool {
    let Some((stamp, random)) = rest(prefix, text).and_then(|rest| rest.split_once('-')) else { return false };
    is_stamp(stamp) && random.len() == 8 && random.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn rest<'a>(prefix: &str, text: &'a str) -> Option<&'a str> {
    if prefix.is_empty() { None } else { text.strip_prefix(prefix)?.strip_prefix('-') }
}

/// `20260131t235959z`, and a valid time.
fn is_stamp(stamp: &str) -> bool {
    let time = Timestamp::from_stamp(&stamp.to_uppercase());
    time.is_some_and(|time| time.stamp().to_lowercase() == stamp)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_made_is_recognised_and_rds_takes_it(
            prefix in "[a-z]([a-z0-9]|-[a-z0-9]){0,17}",
            seconds in 0..Timestamp::MAX.seconds(),
            random in "[0-9a-f]{8}",
        ) {
            let made = identifier(&prefix, Timestamp::new(UNIX_EPOCH + Duration::from_secs(seconds)), &random);
            prop_assert!(is_temporary_identifier(&prefix, &made));
            prop_assert!(made.len() <= 63 && !made.contains("--") && made == made.to_lowercase());
        }

        #[test]
        fn any_other_text_is_not(text in "[a-z0-9-]{0,40}") {
            let is_ours = is_temporary_identifier("pgwitness", &text);
            prop_assert!(!is_ours || text.len() == "pgwitness-20260131t235959z-0123abcd".len());
        }
    }

    #[test]
    fn near_misses_are_not_ours() {
        let good = "pgwitness-20260131t235959z-0123abcd";
        assert!(is_temporary_identifier("pgwitness", good));
        for text in [
            "pgwitness",
            "pgwitness-",
            "pgwitness-20260131t235959z-0123ABCD",
            "pgwitness-20260131t235959z-0123abc",
            "pgwitness-20260131t235959z-0123abcde",
            "pgwitness-20260131t235959z-0123abcd-1",
            "pgwitness-20260231t235959z-0123abcd",
            "pgwitness-20260131T235959Z-0123abcd",
            "pgwitness-+0260131t235959z-0123abcd",
            "pgwitness-20260131t235959z-0123abcd\n",
            "xpgwitness-20260131t235959z-0123abcd",
        ] {
            assert!(!is_temporary_identifier("pgwitness", text), "{text:?}");
        }
        assert!(!is_temporary_identifier("", good) && !is_temporary_identifier("pg", good));
    }
}
