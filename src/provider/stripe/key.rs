//! The secret API key.

use std::fmt;

/// A secret or restricted key. It is shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretKey {
    text: String,
    live: bool,
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretKey").field("live", &self.live).finish_non_exhaustive()
    }
}

/// Why a key cannot be used. None of them repeats it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// There is none.
    #[error("the secret key is blank")]
    Blank,
    /// It is one that anybody may know.
    #[error("this is a publishable key (pk_…); the secret key (sk_… or rk_…) is needed")]
    Publishable,
    /// It is the secret of a webhook endpoint.
    #[error("this is the secret of a webhook endpoint (whsec_…); the secret key (sk_… or rk_…) is needed")]
    OfWebhooks,
    /// It is none.
    #[error("this is no secret key: those begin with sk_test_, sk_live_, rk_test_ or rk_live_, and have letters, digits and _ alone")]
    NoKey,
}

impl SecretKey {
    /// Reads a key, white space around it aside.
    ///
    /// ```
    /// use kasacare::provider::stripe::key::{BadKey, SecretKey};
    /// assert!(SecretKey::parse("sk_live_4eC39HqLyjWDarjtT1zdp7dc\n").unwrap().is_live());
    /// assert!(!SecretKey::parse("rk_test_4eC39HqLyjWDarjtT1zdp7dc").unwrap().is_live());
    /// assert_eq!(SecretKey::parse("pk_live_4eC39HqLyjWDarjtT1zdp7dc"), Err(BadKey::Publishable));
    /// ```
    ///
    /// # Errors
    /// [`BadKey`].
    pub fn parse(text: &str) -> Result<Self, BadKey> {
        let text = text.trim();
        let live = ["sk_live_", "rk_live_"].iter().any(|start| text.starts_with(start));
        let test = ["sk_test_", "rk_test_"].iter().any(|start| text.starts_with(start));
        let is_word = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        match text {
            "" => Err(BadKey::Blank),
            _ if text.starts_with("pk_") => Err(BadKey::Publishable),
            _ if text.starts_with("whsec_") => Err(BadKey::OfWebhooks),
            _ if (live || test) && is_word => Ok(Self { text: text.to_owned(), live }),
            _ => Err(BadKey::NoKey),
        }
    }

    /// Whether it moves real money.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        self.live
    }

    pub(super) fn expose(&self) -> &str {
        &self.text
    }
}
