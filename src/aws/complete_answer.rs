//! Refuses an answer that was cut off.
//!
//! The SDK takes half an answer for a whole one: what was cut off would be "there is none", and a list without its end complete.

use aws_sdk_sts::config::interceptors::AfterDeserializationInterceptorContextRef;
use aws_sdk_sts::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_sts::error::BoxError;

/// Looks at the end of every answer that says that all went well.
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
        // An error's code is there, or it is not known what was answered.
        if !response.status().is_success() || response.body().bytes().is_some_and(is_whole) {
            return Ok(());
        }
        Err("the answer was cut off, or is not AWS's".into())
    }
}

/// All that stands for an action's answer is in one element, `ActionResponse`.
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
