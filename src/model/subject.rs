//! What a finding or an unchecked entry is about: `table shop.orders`, `rows shop.orders`, or only a name, `shop.orders`.
//!
//! The text is what people read, what waivers match and what reports store. Only this module builds it from its parts and takes it
//! apart. PostgreSQL quotes a name with a space or a dot in it, so no name of a relation begins like a kind. A text of another form
//! (a complaint of pg_restore, the name of a user's check) stays whole.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::name::{self, Name};

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Subject(String);

impl Subject {
    /// What all large objects are reported under.
    pub const LARGE_OBJECTS: &'static str = "large objects";

    /// A kind, for instance a file of `checks/catalog`, and the identity of one object, with names as PostgreSQL prints them.
    pub fn new(kind: &str, identity: impl fmt::Display) -> Self {
        Self(format!("{kind} {identity}"))
    }

    /// A column of a relation.
    pub fn column(relation: &Name, column: &str) -> Self {
        Self::new("column", format_args!("{relation}.{}", name::quote_ident(column)))
    }

    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Kind and identity, where a kind precedes.
    pub fn parts(&self) -> Option<(&str, &str)> {
        let is_word = |kind: &str| !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        self.0.split_once(' ').filter(|(kind, _)| is_word(kind))
    }

    /// The identity, where the kind is this one.
    pub fn of(&self, kind: &str) -> Option<&str> {
        self.0.strip_prefix(kind)?.strip_prefix(' ')
    }

    /// The qualified name that the identity begins with: of a table its own, of a constraint that of its table.
    pub fn relation(&self) -> Option<Name> {
        let (parts, _) = name::split(self.parts().map_or(self.as_str(), |(_, identity)| identity))?;
        let [schema, relation, ..] = parts.as_slice() else { return None };
        Some(Name::new(name::unquoted(schema), name::unquoted(relation)))
    }

    /// Of `privilege table shop.orders to reader`, what is granted on and the raw name of the role; `None` for the owner. Of a default
    /// privilege, the role whose objects will have it.
    pub fn grant(&self) -> Option<(&str, Option<String>)> {
        if let Some(identity) = self.of("default_privilege") {
            let (role, _) = name::split(identity.strip_prefix("for ")?)?;
            return Some((identity, role.first().map(|role| name::unquoted(role))));
        }
        let identity = self.of("privilege")?;
        let role = |(at, word): (usize, &str)| match name::split(identity.get(at + word.len()..)?)? {
            (parts, "") if parts.len() == 1 => Some((identity.get(..at)?, Some(name::unquoted(parts[0])))),
            _ => None,
        };
        let to_role = identity.rmatch_indices(" to ").find_map(role);
        to_role.or_else(|| Some((identity.strip_suffix(" to its owner")?, None)))
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Only a name: what the rows of a relation and the value of a sequence are reported under.
impl From<&Name> for Subject {
    fn from(name: &Name) -> Self {
        Self(name.to_string())
    }
}

/// A whole text.
impl From<String> for Subject {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Subject {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl PartialEq<&str> for Subject {
    fn eq(&self, text: &&str) -> bool {
        self.0 == *text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_parts_of_a_subject_are_those_that_it_was_made_of(schema in raw_name(), relation in raw_name()) {
            let name = Name::new(schema, relation);
            let (alone, table) = (Subject::from(&name), Subject::new("table", &name));
            prop_assert_eq!((alone.parts(), alone.relation()), (None, Some(name.clone())));
            let printed = name.to_string();
            prop_assert_eq!(table.parts(), Some(("table", printed.as_str())));
            prop_assert_eq!(table.relation(), Some(name.clone()));
            let stored = serde_json::to_string(&table).unwrap();
            prop_assert_eq!(&stored, &serde_json::to_string(&format!("table {name}")).unwrap());
            prop_assert_eq!(serde_json::from_str::<Subject>(&stored).unwrap(), table);
        }

        #[test]
        fn a_grant_has_its_object_and_its_role(relation in raw_name(), role in raw_name()) {
            let object = format!("table {}", Name::new("s", relation));
            let subject = Subject::new("privilege", format_args!("{object} to {}", name::quote_ident(&role)));
            prop_assert_eq!(subject.grant(), Some((object.as_str(), Some(role))));
        }
    }

    /// Names that look like parts of a subject.
    fn raw_name() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-z \"\\.\\n]{1,12}",
            prop::sample::select(vec!["index x", "a to b", "t\" to \"x", "rows s.t", "its owner", "select", "ü"])
                .prop_map(str::to_owned),
        ]
    }

    #[test]
    fn what_is_granted_to_the_owner_has_no_role() {
        assert_eq!(Subject::from("privilege table s.t to its owner").grant(), Some(("table s.t", None)));
        assert_eq!(Subject::from("owner table s.t").grant(), None);
        let defaults = Subject::from("default_privilege for \"a in b\" in s on tables");
        assert_eq!(defaults.grant().and_then(|(_, role)| role).as_deref(), Some("a in b"));
    }

    #[test]
    fn a_text_of_another_form_stays_whole() {
        for text in ["COMMENT EXTENSION plpgsql", "", "large", "a-b c", "\"index x\".t", "TABLE DATA t"] {
            assert_eq!((Subject::from(text).parts(), Subject::from(text).as_str()), (None, text));
        }
    }
}
