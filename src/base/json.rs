//! Strict reading of JSON: rejects input that parsers interpret differently.
//!
//! Keeps no value: it walks over the text, which may be larger than memory. A key that appears twice (readers
//! disagree on which one counts), a number that is not a whole one, and anything after the end are refused.

use std::collections::HashSet;
use std::fmt;
use std::io::Read;
use std::ops::RangeInclusive;

use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::base::error::{Context, Error, Result};

/// Walks over the whole text; the answer is the number under the key `format` of the outermost object, if there is one.
pub fn format_of(json: impl Read) -> Result<Option<u64>> {
    let mut format = None;
    let mut reader = serde_json::Deserializer::from_reader(json);
    let walk = Walk { place: JsonPlace::Top, format: &mut format };
    walk.deserialize(&mut reader).and_then(|()| reader.end()).map_err(|error| Error::from_source(&error))?;
    Ok(format)
}

/// Refuses a stored form that we cannot know. `noun` is what it is: `report`, `manifest`.
pub fn demand_format(noun: &str, found: Option<u64>, known: RangeInclusive<u32>) -> Result<()> {
    match found {
        Some(format) if (u64::from(*known.start())..=u64::from(*known.end())).contains(&format) => Ok(()),
        Some(format) => {
            let up_to = if known.start() == known.end() { "" } else { "up to " };
            let known = format!("{up_to}format {}", known.end());
            Err(Error::new(format!("this {noun} has format {format}; this version of pgwitness reads {known}"))
                .hint("read it with the version of pgwitness that wrote it, or a later one"))
        }
        None => Err(Error::new(format!("not a {noun}: it has no format version"))),
    }
}

/// Reads a stored form of one of the `known` formats from memory.
pub fn from_slice<T: DeserializeOwned>(noun: &str, bytes: &[u8], known: RangeInclusive<u32>) -> Result<T> {
    demand_format(noun, format_of(bytes)?, known)?;
    serde_json::from_slice(bytes).map_err(|error| Error::from_source(&error)).doing(|| format!("understand the {noun}"))
}

#[derive(Clone, Copy, PartialEq)]
enum JsonPlace {
    Top,
    Format,
    Inside,
}

struct Walk<'a> {
    place: JsonPlace,
    format: &'a mut Option<u64>,
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        if self.place == JsonPlace::Format {
            *self.format = Some(number);
        }
        Ok(())
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<(), E> {
        Err(E::custom(format!("{number} is not a whole number that can be held exactly")))
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Walk { place: JsonPlace::Inside, format: self.format })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let mut keys = HashSet::new();
        while let Some(key) = entries.next_key::<String>()? {
            let place =
                if self.place == JsonPlace::Top && key == "format" { JsonPlace::Format } else { JsonPlace::Inside };
            if keys.contains(&key) {
                return Err(de::Error::custom(format!("the key {key:?} appears twice")));
            }
            keys.insert(key);
            entries.next_value_seed(Walk { place, format: self.format })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(json: &str) -> String {
        format_of(json.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn the_format_is_the_one_of_the_outermost_object() {
        assert_eq!(format_of(&br#"{"a": {"format": 7}, "format": 1}"#[..]).unwrap(), Some(1));
        assert_eq!(format_of(&br#"{"a": {"format": 7}, "format": "1"}"#[..]).unwrap(), None);
        assert_eq!(format_of(&b"[{\"format\": 1}]"[..]).unwrap(), None);
    }

    #[test]
    fn a_key_that_appears_twice_is_refused_however_deep_and_however_spelt() {
        assert!(refusal(r#"{"a": 1, "a": 1}"#).contains(r#"the key "a" appears twice"#));
        assert!(refusal(r#"{"x": [{"a": 1, "\u0061": 2}]}"#).contains(r#"the key "a" appears twice"#));
    }

    #[test]
    fn numbers_that_are_not_whole_are_refused() {
        for json in ["[1.5]", "[1.0]", "[1e3]", "[18446744073709551616]", "[-0]"] {
            assert!(refusal(json).contains("not a whole number"), "{json}");
        }
    }

    #[test]
    fn anything_after_the_end_is_refused() {
        assert!(refusal("{} {}").contains("trailing characters"));
        assert!(refusal("{").contains("EOF"));
    }

    #[test]
    fn a_format_from_the_future_is_refused_by_number() {
        let error = demand_format("report", Some(9), 1..=1).unwrap_err();
        assert_eq!(error.to_string(), "this report has format 9; this version of pgwitness reads format 1");
    }
}
