//! Replaces secrets in definitions by a slow digest.
//!
//! The catalog queries write `(hidden value HEX)` for the value of an option that is named like a secret. It becomes eight digits before
//! it is stored, so that two sides can still be compared. The digest is salted with the object and computed in many rounds: precomputed
//! tables are useless, and a guess takes as long as a login.

use sha2::{Digest as _, Sha256};

use crate::model::digest::SHA_256_START;

/// How such a value begins in the result of a catalog query.
const OPENING: &str = "(hidden value ";
/// SHA-256 after SHA-256, by the function of a block: in a build for tests, the arrays of [`Sha256`] take longer than the hashing.
const ROUNDS: u32 = 50_000;
/// Bytes that SHA-256 takes at a time.
const BLOCK: usize = 64;

/// The text with every hidden value replaced by its digest.
pub fn conceal(kind: &str, identity: &str, text: String) -> String {
    if !text.contains(OPENING) {
        return text;
    }
    let mut rest = text.as_str();
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
    let first: [u8; 32] = Sha256::digest(salted.as_bytes()).into();
    // The second half of each round's text, and what SHA-256 puts behind 64 bytes.
    let (mut text, mut padding) = ([0; BLOCK], [0; BLOCK]);
    text[..32].copy_from_slice(&first);
    text[32..].copy_from_slice(&first);
    padding[0] = 0x80;
    padding[BLOCK - 2..].copy_from_slice(&512_u16.to_be_bytes());
    for _ in 0..ROUNDS {
        let mut state = SHA_256_START;
        sha2::compress256(&mut state, &[text.into(), padding.into()]);
        text[..32].copy_from_slice(state.map(u32::to_be_bytes).as_flattened());
    }
    hex::encode(&text[..4])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hidden_value_is_a_digest_that_depends_on_the_object() {
        let text = "user mapping\noptions password=(hidden value 706c756768), username='reader'";
        let one = conceal("user_mapping", "a on b", text.into());
        assert!(!one.contains("706c756768") && one.ends_with("), username='reader'"), "{one}");
        assert_eq!(one, conceal("user_mapping", "a on b", text.into()));
        assert_ne!(one, conceal("user_mapping", "c on b", text.into()));
        assert_ne!(one, conceal("user_mapping", "a on b", text.replace("706c", "706d")));
    }

    #[test]
    fn a_round_is_the_digest_of_the_last_one_and_the_first() {
        let first: [u8; 32] = Sha256::digest(b"pgwitness hidden value\0k\0i\x0061").into();
        let last = (0..ROUNDS).fold(first, |last, _| Sha256::digest([last, first].as_flattened()).into());
        assert_eq!(digest("k", "i", "61"), hex::encode(&last[..4]));
    }

    #[test]
    fn a_stored_digest_of_an_earlier_version_still_agrees() {
        assert_eq!(conceal("user_mapping", "a on b", "(hidden value 706c756768)".into()), "(hidden 44b24245)");
    }

    #[test]
    fn nothing_of_a_value_stays_wherever_it_stands() {
        assert!(!conceal("k", "i", "x (hidden value 61) (hidden value 6262".into()).contains("626"));
        assert_eq!(conceal("k", "i", "no secret".into()), "no secret");
    }
}
