//! The AWS Query protocol: form-encoded parameters in, XML out, as the API reference and the SDK's model have them.
//!
//! Never knows what an action means.

use std::collections::BTreeMap;
use std::time::SystemTime;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

/// The parameters of one call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameters(pub BTreeMap<String, String>);

impl Parameters {
    pub fn parse(body: &[u8]) -> Self {
        Self(form_urlencoded::parse(body).into_owned().collect())
    }

    /// What was sent under this name; an empty string counts as sent.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub fn flag(&self, name: &str) -> Option<bool> {
        self.get(name).map(|value| value.eq_ignore_ascii_case("true"))
    }

    pub fn number(&self, name: &str) -> Option<u32> {
        self.get(name).and_then(|value| value.parse().ok())
    }

    /// `NAME.MEMBER.1`, `NAME.MEMBER.2` and so on, each with what follows its number.
    pub fn items(&self, name: &str, member: &str) -> Vec<Parameters> {
        let mut items = Vec::new();
        for number in 1.. {
            let prefix = format!("{name}.{member}.{number}");
            let parts = self.0.iter().filter_map(|(key, value)| {
                let rest = key.strip_prefix(&prefix)?;
                let rest = if rest.is_empty() { rest } else { rest.strip_prefix('.')? };
                Some((rest.to_owned(), value.clone()))
            });
            let item = Parameters(parts.collect());
            if item.0.is_empty() {
                break;
            }
            items.push(item);
        }
        items
    }

    /// The same for a list of plain values.
    pub fn values(&self, name: &str, member: &str) -> Vec<String> {
        self.items(name, member).into_iter().filter_map(|item| item.get("").map(str::to_owned)).collect()
    }

    pub fn tags(&self) -> Vec<(String, String)> {
        let pair =
            |tag: &Parameters| (tag.get("Key").unwrap_or("").to_owned(), tag.get("Value").unwrap_or("").to_owned());
        self.items("Tags", "Tag").iter().map(pair).collect()
    }
}

/// XML under construction. Elements named in `hidden` are left out, wherever they are, as AWS does with what is null.
#[derive(Debug, Default)]
pub struct Xml {
    text: String,
    hidden: Vec<String>,
}

impl Xml {
    pub fn hiding(hidden: &[String]) -> Self {
        Self { text: String::new(), hidden: hidden.to_vec() }
    }

    /// An element with text.
    pub fn put(&mut self, name: &str, value: impl ToString) {
        self.nest(name, |xml| xml.text.push_str(&escape(&value.to_string())));
    }

    /// The same, or nothing.
    pub fn put_some(&mut self, name: &str, value: Option<impl ToString>) {
        if let Some(value) = value {
            self.put(name, value);
        }
    }

    /// An element with elements.
    pub fn nest(&mut self, name: &str, fill: impl FnOnce(&mut Self)) {
        if !self.hidden.iter().any(|hidden| hidden == name) {
            self.text.push_str(&format!("<{name}>"));
            fill(self);
            self.text.push_str(&format!("</{name}>"));
        }
    }

    /// A whole fragment made elsewhere.
    pub fn add(&mut self, other: Xml) {
        self.text.push_str(&other.text);
    }

    pub fn into_text(self) -> String {
        self.text
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// What a call comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub status: u16,
    pub code: String,
    pub message: String,
}

impl Refusal {
    pub fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into() }
    }

    pub fn invalid_value(message: impl Into<String>) -> Self {
        Self::new(400, "InvalidParameterValue", message)
    }

    pub fn invalid_combination(message: impl Into<String>) -> Self {
        Self::new(400, "InvalidParameterCombination", message)
    }

    pub fn missing(name: &str) -> Self {
        Self::new(400, "MissingParameter", format!("The request must contain the parameter {name}"))
    }

    pub fn to_xml(&self, namespace: &str, request_id: &str) -> String {
        let mut xml = Xml::default();
        xml.nest("Error", |xml| {
            xml.put("Type", if self.status < 500 { "Sender" } else { "Receiver" });
            xml.put("Code", &self.code);
            xml.put("Message", &self.message);
        });
        xml.put("RequestId", request_id);
        format!("<ErrorResponse xmlns=\"{namespace}\">\n{}</ErrorResponse>\n", xml.into_text())
    }
}

/// `<ACTIONResponse><ACTIONResult>…</ACTIONResult><ResponseMetadata>…`; some actions have no result at all.
pub fn response(action: &str, namespace: &str, result: Option<Xml>, request_id: &str) -> String {
    let mut xml = Xml::default();
    if let Some(result) = result {
        xml.nest(&format!("{action}Result"), |xml| xml.add(result));
    }
    xml.nest("ResponseMetadata", |xml| xml.put("RequestId", request_id));
    format!("<{action}Response xmlns=\"{namespace}\">{}</{action}Response>\n", xml.into_text())
}

/// As in an answer: `2026-01-31T02:00:00.123Z`.
pub fn iso(time: SystemTime) -> String {
    DateTime::from(time).fmt(Format::DateTime).unwrap()
}

/// As in a `Date` header.
pub fn http_date(time: SystemTime) -> String {
    DateTime::from(time).fmt(Format::HttpDate).unwrap()
}
