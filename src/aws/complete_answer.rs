//! Rejects a truncated answer.
//!
//! The SDK accepts a truncated answer as complete: missing elements would be read as absent, and a truncated list as the whole
//! list.

use aws_sdk_sts::config::interceptors::AfterDeserializationInterceptorContextRef;
use aws_sdk_sts::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_sts::error::BoxError;

/// Checks the end of every successful answer.
#[derive(Debug)]
pub struct Whole;

impl Intercept for Whole {
    fn name(&self) -> &'static str {
        "Whole"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        // Failed answers pass: without an error code they are classified as unknown.
        if !response.status().is_success() || response.body().bytes().is_some_and(is_whole) {
            return Ok(());
        }
        Err("the answer is truncated, or is not from AWS".into())
    }
}

/// The whole answer to an action is in one element, `ActionResponse`.
fn is_whole(body: &[u8]) -> bool {
    let text = body.trim_ascii_end();
    let Some(tag) = text.strip_suffix(b"Response>") else { return false };
    let start = tag.iter().rposition(|byte| *byte == b'<');
    start
        .and_then(|start| tag.get(start + 1..))
        .is_some_and(|name| name.first() == Some(&b'/') && name.iter().skip(1).all(u8::is_ascii_alphanumeric))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_with_its_end_is_whole() {
        assert!(is_whole(b"<?xml?><AResponse xmlns=\"x\"><AResult/></AResponse>\n"));
        for cut in ["", "<AResponse>", "<AResponse><AResult></AResult>", "<AResponse></AResponse", "<html></html>"] {
            assert!(!is_whole(cut.as_bytes()), "{cut}");
        }
    }
}
