//! A password that exists only while the night runs.
//!
//! Never printed, not by `Debug` either; never written to a file by this module.

use std::fmt;

use ssh_key::rand_core::{OsRng, RngCore};

use crate::error::{Context, Error, Result};

/// Long enough for 190 bits; RDS takes at most 128 characters.
const LENGTH: usize = 32;
/// What RDS takes (no `/`, `@`, `"`, space), without what shells, URIs and password files would need escaped. 64 of them, so
/// that six random bits choose one without bias.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A random password.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// 32 characters from the random source of the operating system.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn random() -> Result<Self> {
        let mut bytes = [0; LENGTH];
        OsRng
            .try_fill_bytes(&mut bytes)
            .map_err(|error| Error::new(error.to_string()))
            .doing(|| "read random bytes")?;
        Ok(Self(bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 64)])).collect()))
    }

    /// The password itself: for the API and the login, nothing else.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(********)")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_password_is_one_that_rds_takes_and_never_the_same_twice() {
        let secrets: BTreeSet<String> = (0..100).map(|_| Secret::random().unwrap().reveal().to_owned()).collect();
        assert_eq!(secrets.len(), 100);
        for secret in secrets {
            assert_eq!(secret.len(), LENGTH);
            assert!(secret.bytes().all(|byte| byte.is_ascii_graphic() && !b"/@\"' \\:".contains(&byte)), "{secret}");
        }
        assert_eq!(ALPHABET.iter().collect::<BTreeSet<_>>().len(), ALPHABET.len());
    }

    #[test]
    fn debug_output_does_not_show_it() {
        let secret = Secret::random().unwrap();
        assert!(!format!("{secret:?}").contains(secret.reveal()));
    }
}
