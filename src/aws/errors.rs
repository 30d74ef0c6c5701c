//! Sorts what went wrong with a call to AWS: refused, not allowed, or not known.
//!
//! Never takes "not known" for "no": only AWS's own words say that something is not there.

use std::error::Error as StdError;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_rds::config::http::HttpResponse;
use aws_sdk_rds::error::{ProvideErrorMetadata, SdkError};

use crate::base::error::Error;

/// Codes that do not change by waiting.
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
/// Codes by which AWS asks for patience, beside HTTP status 429 and 5xx.
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

/// What is known after a call that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// AWS read the call and said no.
    Refused,
    /// We are nobody, or may not: no use to go on.
    Denied,
    /// Lost on the way, or AWS was busy: whether the call was carried out is not known.
    Unknown,
}

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What is known.
    pub kind: Kind,
    /// AWS's code, for instance `DBInstanceNotFound`; empty when there was no answer.
    pub code: String,
    /// One line.
    pub text: String,
}

impl Trouble {
    /// An answer that cannot be.
    pub fn odd(text: impl Into<String>) -> Self {
        Self { kind: Kind::Unknown, code: String::new(), text: text.into() }
    }

    /// Whether AWS refused with this code; `Fault` at its end makes no difference.
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
            ("", _) => format!("AWS answered with HTTP status {status} and nothing we can read"),
            (code, "") => code.to_owned(),
            (code, message) => format!("{code}: {message}"),
        };
        Self { kind, code: code.to_owned(), text }
    }

    /// No credentials at all do not come by waiting; a provider that was slow may answer next time.
    fn unanswered(error: &(dyn StdError + 'static)) -> Self {
        let mut innermost = error;
        while let Some(inner) = innermost.source() {
            if let Some(credentials) = inner.downcast_ref::<CredentialsError>() {
                return Self::of_credentials(credentials);
            }
            innermost = inner;
        }
        let text = Error::from_source(error).to_string();
        // How the SDK's layers are called helps nobody; the innermost one knows why.
        let is_dispatch = text.starts_with("dispatch failure: ");
        let text = if is_dispatch { format!("no answer from AWS: {innermost}") } else { text };
        Self { kind: Kind::Unknown, code: String::new(), text: one_line(&text) }
    }

    fn of_credentials(error: &CredentialsError) -> Self {
        let (kind, text) = match error {
            // It lists every place where there are none, over many lines.
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

impl<E> From<SdkError<E, HttpResponse>> for Trouble
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

impl From<Trouble> for Error {
    fn from(trouble: Trouble) -> Self {
        let error = Self::new(&trouble.text);
        if let Some(hint) = trouble.hint() { error.hint(hint) } else { error }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_refusal_says_that_something_is_not_there() {
        let kind = |code, status| Trouble::answered(code, "", status);
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
