//! Classifies a failed call to AWS: refused, denied, or unknown.
//!
//! "Unknown" is not "no": only an answer of AWS proves that something does not exist.

use std::error::Error as StdError;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_rds::config::http::HttpResponse;
use aws_sdk_rds::error::{ProvideErrorMetadata, SdkError};

use crate::base::error::Error;

/// Codes that a retry does not change.
const DENIED: &[&str] = &[
    "AccessDenied",
    "AccessDeniedException",
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "MissingAuthenticationToken",
    "NotAuthorized",
    "OptInRequired",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnauthorizedOperation",
    "UnrecognizedClientException",
];
/// Codes that ask for a later retry, besides HTTP status 429 and 5xx.
const BUSY: &[&str] = &[
    "BandwidthLimitExceeded",
    "InternalError",
    "InternalFailure",
    "LimitExceededException",
    "PriorRequestNotComplete",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceUnavailable",
    "SlowDown",
    "Throttled",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionInProgressException",
];

/// What is known after a failed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// AWS processed the call and refused it.
    Refused,
    /// No valid credentials, or no permission: do not retry.
    Denied,
    /// No answer, or AWS was busy: it is not known whether the call was carried out.
    Unknown,
}

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// What is known.
    pub kind: Kind,
    /// AWS's code, for instance `DBInstanceNotFound`; empty when there was no answer.
    pub code: String,
    /// One line of text.
    pub text: String,
}

impl ApiError {
    /// An answer that is invalid.
    pub fn odd(text: impl Into<String>) -> Self {
        Self { kind: Kind::Unknown, code: String::new(), text: text.into() }
    }

    /// Whether AWS refused with this code, with or without the suffix `Fault`.
    pub fn is(&self, code: &str) -> bool {
        self.kind == Kind::Refused && self.code.strip_suffix("Fault").unwrap_or(&self.code) == code
    }

    fn answered(code: &str, message: &str, status: u16) -> Self {
        let kind = if DENIED.contains(&code) {
            Kind::Denied
        } else if BUSY.contains(&code) || status == 429 || status >= 500 || code.is_empty() {
            Kind::Unknown
        } else {
            Kind::Refused
        };
        let text = match (code, message) {
            ("", _) => format!("AWS answered with HTTP status {status} and an unreadable body"),
            (code, "") => code.to_owned(),
            (code, message) => format!("{code}: {message}"),
        };
        Self { kind, code: code.to_owned(), text }
    }

    /// Missing credentials do not appear by waiting; a slow provider may answer next time.
    fn unanswered(error: &(dyn StdError + 'static)) -> Self {
        let mut innermost = error;
        while let Some(inner) = innermost.source() {
            if let Some(credentials) = inner.downcast_ref::<CredentialsError>() {
                return Self::of_credentials(credentials);
            }
            innermost = inner;
        }
        let text = Error::from_source(error).to_string();
        // Drop the names of the SDK layers; the innermost error has the cause.
        let is_dispatch = text.starts_with("dispatch failure: ");
        let text = if is_dispatch { format!("no answer from AWS: {innermost}") } else { text };
        Self { kind: Kind::Unknown, code: String::new(), text: one_line(&text) }
    }

    fn of_credentials(error: &CredentialsError) -> Self {
        let (kind, text) = match error {
            // The original lists every place without credentials, over many lines.
            CredentialsError::CredentialsNotLoaded(_) => (
                Kind::Denied,
                "no credentials for AWS, neither in the environment nor in a profile nor of this machine".into(),
            ),
            CredentialsError::InvalidConfiguration(_) => (Kind::Denied, Error::from_source(error).to_string()),
            _ => (Kind::Unknown, Error::from_source(error).to_string()),
        };
        Self { kind, code: String::new(), text: one_line(&text) }
    }

    fn hint(&self) -> Option<&'static str> {
        match self.code.as_str() {
            "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" => {
                Some("the credentials have expired: renew them (`aws sso login`, or new keys)")
            }
            "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" | "NotAuthorized" => {
                Some("`pgwitness config example iam` prints the policy that is needed")
            }
            "" if self.kind == Kind::Denied => {
                Some("set source.profile, AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
            }
            _ if self.kind == Kind::Denied => Some("check which credentials are used: `aws sts get-caller-identity`"),
            "" => Some("check the network, source.region and source.endpoint_url"),
            _ => None,
        }
    }
}

fn one_line(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

impl<E> From<SdkError<E, HttpResponse>> for ApiError
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        let status = error.raw_response().map(|response| response.status().as_u16());
        match (&error, status) {
            (SdkError::ServiceError(_), Some(status)) => {
                Self::answered(error.code().unwrap_or_default(), error.message().unwrap_or_default(), status)
            }
            _ => Self::unanswered(&error),
        }
    }
}

impl From<ApiError> for Error {
    fn from(failed: ApiError) -> Self {
        let error = Self::new(&failed.text);
        if let Some(hint) = failed.hint() { error.hint(hint) } else { error }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_refusal_says_that_something_is_not_there() {
        let kind = |code, status| ApiError::answered(code, "", status);
        assert!(kind("DBInstanceNotFound", 404).is("DBInstanceNotFound"));
        assert!(kind("DBInstanceNotFoundFault", 404).is("DBInstanceNotFound"));
        assert!(!kind("DBInstanceNotFound", 503).is("DBInstanceNotFound"));
        assert!(!kind("", 404).is("DBInstanceNotFound"));
        assert_eq!(kind("", 404).kind, Kind::Unknown);
        assert_eq!(kind("Throttling", 400).kind, Kind::Unknown);
        assert_eq!(kind("InternalFailure", 500).kind, Kind::Unknown);
        assert_eq!(kind("ExpiredToken", 403).kind, Kind::Denied);
    }
}
