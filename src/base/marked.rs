//! A text for people that knows what of it may be shown to readers who must not see values of the database.
//!
//! What a server or a program says may quote a row anywhere, in any language: it is never searched for values. It is kept beside
//! another text, made of our own words and of fields that hold no value, and an output takes one or the other.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Stands for a text of which nothing is known.
const WITHHELD: &str = "text withheld, it may hold values of the database";

/// Which texts an output takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disclosure {
    /// Those with all values.
    Full,
    /// Those without values.
    Safe,
}

/// A whole text, and a safe one where the whole may hold values. Not `Display`: every output chooses.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MarkedText {
    full: String,
    /// `None`: the whole text is safe.
    safe: Option<String>,
}

impl MarkedText {
    /// Holds values, unless `safe` says the same.
    pub fn with_values(full: impl Into<String>, safe: impl Into<String>) -> Self {
        let (full, safe) = (full.into(), Some(safe.into()));
        Self { safe: safe.filter(|safe| *safe != full), full }
    }

    /// With all values.
    pub fn full(&self) -> &str {
        &self.full
    }

    /// Without values.
    pub fn safe(&self) -> &str {
        self.safe.as_deref().unwrap_or(&self.full)
    }

    /// The one that an output takes.
    pub fn shown(&self, disclosure: Disclosure) -> &str {
        match disclosure {
            Disclosure::Full => self.full(),
            Disclosure::Safe => self.safe(),
        }
    }

    /// Whether the whole text may hold values.
    pub fn has_values(&self) -> bool {
        self.safe.is_some()
    }

    /// Puts our own words around both texts.
    #[must_use]
    pub fn map(&self, change: impl Fn(&str) -> String) -> Self {
        Self { full: change(&self.full), safe: self.safe.as_deref().map(&change) }
    }

    /// All texts with `separator` between them.
    pub fn join<'a>(texts: impl IntoIterator<Item = &'a Self>, separator: &str) -> Self {
        let (full, safe): (Vec<&str>, Vec<&str>) = texts.into_iter().map(|text| (text.full(), text.safe())).unzip();
        Self::with_values(full.join(separator), safe.join(separator))
    }
}

/// Our own words. What a server or a program said is none of them.
impl From<String> for MarkedText {
    fn from(full: String) -> Self {
        Self { full, safe: None }
    }
}

impl From<&str> for MarkedText {
    fn from(full: &str) -> Self {
        full.to_owned().into()
    }
}

impl From<&String> for MarkedText {
    fn from(full: &String) -> Self {
        full.clone().into()
    }
}

impl From<&Self> for MarkedText {
    fn from(text: &Self) -> Self {
        text.clone()
    }
}

/// The whole text alone: [`SafeTexts`] has the rest.
impl Serialize for MarkedText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.full)
    }
}

/// May hold values, until [`SafeTexts::mark`] knows better.
impl<'de> Deserialize<'de> for MarkedText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|full| Self::with_values(full, WITHHELD))
    }
}

/// The safe texts of a stored form, by the whole texts; a text that is not here holds no values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SafeTexts(BTreeMap<String, String>);

impl SafeTexts {
    /// Of these texts.
    pub fn of<'a>(texts: impl IntoIterator<Item = &'a mut MarkedText>) -> Self {
        let pair = |text: &mut MarkedText| Some((text.full.clone(), text.safe.clone()?));
        Self(texts.into_iter().filter_map(pair).collect())
    }

    /// Whether no text holds values.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Gives every text that was read its safe one.
    pub fn mark<'a>(&self, texts: impl IntoIterator<Item = &'a mut MarkedText>) {
        texts.into_iter().for_each(|text| text.safe = self.0.get(&text.full).cloned());
    }
}
