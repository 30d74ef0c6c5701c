//! Time stamps by RFC 3161: the token of a time stamping authority over the SHA-256 of a report, as `openssl ts` reads and checks it.
//!
//! A token counts only with a signature of a certificate for time stamping that leads to a given one, and over the right hash.

mod asn1;
mod algorithms;
mod authority;
mod token;
mod request;

pub use authority::TimestampAuthorities;
pub use request::{LIMITS, obtain};
pub use token::{StampedTime, verify};

/// The answer of the authority (`TimeStampResp`, DER) over the exact bytes of `report.json`.
pub const TIMESTAMP: &str = "report.json.tsr";
