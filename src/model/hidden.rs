//! Replaces secrets in definitions by a slow digest.
//!
//! The catalog queries write `(hidden value HEX)` for the value of an option that is named like a secret. It becomes eight digits before
//! it is stored, so that two sides can still be compared. The digest is salted with the object and computed in many rounds: precomputed
//! tables are useless, and a guess takes as long as a login.

use sha2::{Digest as _, Sha256};

/// How such a value begins in the result of a catalog query.
const OPENING: &str = "(hidden value ";
/// SHA-256 after SHA-256.
const ROUNDS: u32 = 50_000;

/// The text with every hidden value replaced by its digest.
pub fn conceal(kind: &str, identity: &str, text: &str) -> String {
    let mut rest = text;
    let mut concealed = String::with_capacity(text.len());
    while let Some((before, after)) = rest.split_once(OPENING) {
        let end = after.find(|letter: char| !letter.is_ascii_hexdigit()).unwrap_or(after.len());
        let (value, behind) = after.split_at(end);
        concealed.push_str(before);
        concealed.push_str("(hidden ");
        concealed.push_str(&digest(kind, identity, value));
        rest = behind;
    }
    concealed.push_str(rest);
    concealed
}

fn digest(kind: &str, identity: &str, value: &str) -> String {
    let salted = format!("pgwitness hidden value\0{kind}\0{identity}\0{value}");
    let first = Sha256::digest(salted.as_bytes());
    let last = (0..ROUNDS).fold(first, |digest, _| Sha256::new().chain_update(digest).chain_update(first).finalize());
    last.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hidden_value_is_a_digest_that_depends_on_the_object() {
        let text = "user mapping\noptions password=(hidden value 706c756768), username='reader'";
        let one = conceal("user_mapping", "a on b", text);
        assert!(!one.contains("706c756768") && one.ends_with("), username='reader'"), "{one}");
        assert_eq!(one, conceal("user_mapping", "a on b", text));
        assert_ne!(one, conceal("user_mapping", "c on b", text));
        assert_ne!(one, conceal("user_mapping", "a on b", &text.replace("706c", "706d")));
    }

    #[test]
    fn nothing_of_a_value_stays_wherever_it_stands() {
        assert!(!conceal("k", "i", "x (hidden value 61) (hidden value 6262").contains("626"));
        assert_eq!(conceal("k", "i", "no secret"), "no secret");
    }
}
