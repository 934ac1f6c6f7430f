//! Ids that come from outside: accounts, subscriptions and cameras.
//!
//! They go into file names, journal tags and idempotency keys (PV-1), so their alphabet is small: ASCII letters, digits,
//! `_`, `.` and `-`, beginning with a letter or a digit (which leaves no room for `..` or for an option), at most
//! [`ID_CHARS_MAX`] characters. Case counts. An id is not personal data and may be logged (PP-3); the errors here still
//! do not repeat what was given, because what stands where an id should may be anything.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longest id, in characters.
pub const ID_CHARS_MAX: usize = 64;

/// Why a text is not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadId {
    /// Nothing was given.
    #[error("an id has at least one character")]
    Empty,
    /// Longer than [`ID_CHARS_MAX`].
    #[error("an id has at most {ID_CHARS_MAX} characters; this has {chars}")]
    TooLong {
        /// Its length in characters.
        chars: usize,
    },
    /// A character outside the alphabet.
    #[error("an id has only letters, digits, `_`, `.` and `-`; character {position} is none of these")]
    Character {
        /// Which character, from 1.
        position: usize,
    },
    /// The first character is punctuation.
    #[error("an id begins with a letter or a digit")]
    Start,
}

/// Checks a text against the rules of this module.
///
/// ```
/// use kasacare::domain::ids::{BadId, check_id};
/// assert_eq!(check_id("acc-0001"), Ok(()));
/// assert_eq!(check_id("a b"), Err(BadId::Character { position: 2 }));
/// assert_eq!(check_id("../etc"), Err(BadId::Character { position: 3 }));
/// assert_eq!(check_id(".."), Err(BadId::Start));
/// ```
pub fn check_id(text: &str) -> Result<(), BadId> {
    let chars = text.chars().count();
    if chars > ID_CHARS_MAX {
        return Err(BadId::TooLong { chars });
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if let Some(before) = text.chars().position(|c| !allowed(c)) {
        return Err(BadId::Character { position: before.saturating_add(1) });
    }
    match text.chars().next() {
        None => Err(BadId::Empty),
        Some(first) if first.is_ascii_alphanumeric() => Ok(()),
        Some(_) => Err(BadId::Start),
    }
}

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// Parses an id; refuses what [`check_id`] refuses.
            pub fn parse(text: &str) -> Result<Self, BadId> {
                check_id(text).map(|()| Self(text.to_owned()))
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> Result<Self, BadId> {
                Self::parse(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = Cow::<'de, str>::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

id_type! {
    /// An account: one customer.
    ///
    /// ```
    /// use kasacare::domain::ids::AccountId;
    /// let id: AccountId = "acc-0001".parse().unwrap();
    /// assert_eq!(id.as_str(), "acc-0001");
    /// ```
    AccountId
}

id_type! {
    /// A subscription: one plan on one account.
    ///
    /// ```
    /// use kasacare::domain::ids::SubscriptionId;
    /// assert_eq!(SubscriptionId::parse("sub_17").unwrap().to_string(), "sub_17");
    /// ```
    SubscriptionId
}

id_type! {
    /// A camera: a device of one account.
    ///
    /// ```
    /// use kasacare::domain::ids::{BadId, CameraId};
    /// assert_eq!(CameraId::parse(""), Err(BadId::Empty));
    /// ```
    CameraId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<(), BadId>) {
        assert_eq!(AccountId::parse(text).map(|id| assert_eq!(id.as_str(), text)), expected, "{text}");
    }

    #[test]
    fn ids_have_a_small_alphabet() {
        check("a", Ok(()));
        check("Z-9_x.y", Ok(()));
        check(&"a".repeat(64), Ok(()));
        check(&"a".repeat(65), Err(BadId::TooLong { chars: 65 }));
        check("", Err(BadId::Empty));
        check("-rf", Err(BadId::Start));
        check("a/b", Err(BadId::Character { position: 2 }));
        check("é", Err(BadId::Character { position: 1 }));
        check("a\n", Err(BadId::Character { position: 2 }));
    }

    #[test]
    fn ids_survive_json_and_refuse_bad_ones() {
        let id = CameraId::parse("cam-1").unwrap();
        let text = serde_json::to_string(&id).unwrap();
        assert_eq!((text.as_str(), serde_json::from_str::<CameraId>(&text).unwrap()), ("\"cam-1\"", id));
        let refused = serde_json::from_str::<CameraId>("\"jo@example.com\"").unwrap_err().to_string();
        assert!(refused.contains("character 3") && !refused.contains("example"), "{refused}");
    }
}
