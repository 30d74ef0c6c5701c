//! Asks a time stamping authority for a token, over HTTP (RFC 3161, section 3.4), and verifies what it answers.

use std::time::Duration;

use der::Encode as _;
use der::asn1::{Null, OctetString, Uint};
use ssh_key::rand_core::{OsRng, RngCore as _};
use x509_cert::spki::AlgorithmIdentifierOwned;

use super::TimestampAuthorities;
use super::algorithms::{Hash, SHA_256};
use super::asn1::{MessageImprint, TimeStampReq};
use super::token::{StampedTime, verify};
use crate::base::error::{Context, Error, Result};
use crate::base::http::{self, Address, HttpLimits, RequestBody, WantedAnswer};

/// Time limits of a run: what follows the report waits for the token.
pub const LIMITS: HttpLimits =
    HttpLimits { total: Duration::from_secs(30), attempt: Duration::from_secs(10), pause: Duration::from_secs(1) };

/// A token with some certificates has about 6 KiB.
const MOST_BYTES: usize = 256 << 10;

/// Bytes of the nonce.
const NONCE_BYTES: usize = 16;

/// A verified answer over these bytes. Without `trusted`, the chain of certificates is not checked.
///
/// # Errors
/// The authority cannot be reached or refuses, or its answer does not count.
pub async fn obtain(
    address: &Address,
    data: &[u8],
    trusted: Option<&TimestampAuthorities>,
    limits: HttpLimits,
) -> Result<(Vec<u8>, StampedTime)> {
    let doing = || format!("get a time stamp from {}", address.host());
    let nonce = nonce().doing(doing)?;
    let request = request(data, nonce.clone()).map_err(|error| Error::from_source(&error)).doing(doing)?;
    let body = RequestBody {
        content_type: "application/timestamp-query",
        bytes: &request,
        authorization: None,
        answer: WantedAnswer::Whole(MOST_BYTES),
    };
    let answer = http::post(address, None, &body, limits).await.doing(doing)?;
    let stamped = verify(&answer, data, Some(&nonce), trusted).doing(doing)?;
    Ok((answer, stamped))
}

fn request(data: &[u8], nonce: Uint) -> der::Result<Vec<u8>> {
    let hash_algorithm = AlgorithmIdentifierOwned { oid: SHA_256, parameters: Some(Null.into()) };
    let hashed_message = OctetString::new(Hash::Sha256.digest(data).as_ref())?;
    let message_imprint = MessageImprint { hash_algorithm, hashed_message };
    TimeStampReq { version: 1, message_imprint, nonce, cert_req: true }.to_der()
}

fn nonce() -> Result<Uint> {
    let mut bytes = [0; NONCE_BYTES];
    OsRng.try_fill_bytes(&mut bytes).map_err(|error| Error::new(error.to_string())).doing(|| "read random bytes")?;
    Uint::new(&bytes).map_err(|error| Error::from_source(&error))
}
