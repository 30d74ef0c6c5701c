//! A text that stands in many places and is kept once.

use std::borrow::Borrow;
use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An immutable text. A clone shares it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SharedText(Arc<str>);

impl SharedText {
    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for SharedText {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// Compares and hashes as `str` does: maps can be asked with a `str`.
impl Borrow<str> for SharedText {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for SharedText {
    fn eq(&self, other: &str) -> bool {
        *self.0 == *other
    }
}

impl PartialEq<&str> for SharedText {
    fn eq(&self, other: &&str) -> bool {
        *self.0 == **other
    }
}

impl PartialEq<SharedText> for String {
    fn eq(&self, other: &SharedText) -> bool {
        **self == *other.0
    }
}

impl From<&str> for SharedText {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for SharedText {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&String> for SharedText {
    fn from(text: &String) -> Self {
        Self(text.as_str().into())
    }
}

impl From<&SharedText> for SharedText {
    fn from(text: &SharedText) -> Self {
        text.clone()
    }
}

impl From<&SharedText> for String {
    fn from(text: &SharedText) -> Self {
        (*text.0).to_owned()
    }
}

impl fmt::Display for SharedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for SharedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for SharedText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// Within [`TextPool::collect_from`], equal texts are read as one.
impl<'de> Deserialize<'de> for SharedText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(SharedTextVisitor)
    }
}

struct SharedTextVisitor;

impl Visitor<'_> for SharedTextVisitor {
    type Value = SharedText;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E>(self, text: &str) -> Result<SharedText, E> {
        Ok(COLLECTING.with_borrow(|pool| pool.as_ref().map_or_else(|| text.into(), |pool| pool.share(text))))
    }
}

thread_local! {
    /// The pool for what this thread deserializes: serde hands none to the types that it fills.
    static COLLECTING: RefCell<Option<TextPool>> = const { RefCell::new(None) };
}

/// The texts seen so far: equal ones are kept once. A clone is the same collection.
#[derive(Debug, Clone, Default)]
pub struct TextPool(Arc<Mutex<HashSet<SharedText>>>);

impl TextPool {
    /// This text, shared with every equal one before.
    pub fn share(&self, text: &str) -> SharedText {
        let mut texts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = texts.get(text) {
            return known.clone();
        }
        let shared = SharedText::from(text);
        texts.insert(shared.clone());
        shared
    }

    /// Deserializes with this pool: every [`SharedText`] is shared with the equal ones before.
    pub fn collect_from<T>(&self, deserialize: impl FnOnce() -> T) -> T {
        COLLECTING.set(Some(self.clone()));
        let value = deserialize();
        COLLECTING.set(None);
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_of_a_pool_are_one_text() {
        let pool = TextPool::default();
        let [one, same, other] = ["a", "a", "b"].map(|text| pool.clone().share(text));
        assert!(Arc::ptr_eq(&one.0, &same.0));
        assert_ne!(one, other);
    }

    #[test]
    fn what_is_read_into_a_pool_shares_its_texts_and_nothing_after_it_does() {
        let pool = TextPool::default();
        let read = || serde_json::from_str::<Vec<SharedText>>("[\"a\", \"\\u0061\"]").unwrap();
        let (within, after) = (pool.collect_from(read), read());
        assert!(within.iter().all(|text| Arc::ptr_eq(&text.0, &pool.share("a").0)));
        assert!(!Arc::ptr_eq(&after[0].0, &after[1].0));
        assert_eq!(within, after);
    }
}
