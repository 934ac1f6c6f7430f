//! The signature of webhooks: `Stripe-Signature: t=SECONDS,v1=HEX[,v1=HEX…]`, an HMAC-SHA256 over `SECONDS.BODY` for each secret that
//! is in use. Other schemes (`v0`) are ignored.

use std::fmt;

use chrono::{DateTime, Utc};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

use super::NAME;
use crate::provider::webhooks::{Forged, WebhookSource};

/// How far the clocks may be apart, both ways. Retries are signed anew, so this bounds only replays.
pub const TOLERANCE_SECONDS: i64 = 300;
/// Longest header that is looked at. Two secrets in rotation take some 170 bytes.
const HEADER_BYTES_MAX: usize = 2_048;
/// Shortest secret that is taken; real ones have more than 30 characters.
const SECRET_CHARS_MIN: usize = 16;

type Digest = [u8; 32];

/// The endpoint's secrets. While one is being replaced, Stripe signs with both.
#[derive(Clone)]
pub struct WebhookSecrets(Vec<Hmac<Sha256>>);

impl fmt::Debug for WebhookSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookSecrets").field("count", &self.0.len()).finish_non_exhaustive()
    }
}

/// Why the secrets cannot be used. None of them repeats a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSecret {
    /// There is none: everybody could sign.
    #[error("there is no webhook secret, or it is blank")]
    Blank,
    /// One is too short to be one.
    #[error("a webhook secret has only {chars} characters; those of the dashboard begin with whsec_ and have more than 30")]
    TooShort {
        /// How many it has.
        chars: usize,
    },
    /// An API key was given instead.
    #[error("this is an API key (sk_… or rk_…), not the signing secret of a webhook endpoint (whsec_…)")]
    IsApiKey,
}

impl WebhookSecrets {
    /// Reads secrets that are separated by commas or white space.
    ///
    /// ```
    /// use kasacare::provider::stripe::signature::{BadSecret, WebhookSecrets};
    /// assert!(WebhookSecrets::parse("whsec_5f3a9c07d1e24b68, whsec_0b7e61d2a9c84f35\n").is_ok());
    /// assert_eq!(WebhookSecrets::parse(" \n").unwrap_err(), BadSecret::Blank);
    /// ```
    ///
    /// # Errors
    /// [`BadSecret`].
    pub fn parse(text: &str) -> Result<Self, BadSecret> {
        let mut keys = Vec::new();
        for secret in text.split(|c: char| c == ',' || c.is_whitespace()).filter(|part| !part.is_empty()) {
            if secret.starts_with("sk_") || secret.starts_with("rk_") || secret.starts_with("pk_") {
                return Err(BadSecret::IsApiKey);
            }
            let chars = secret.chars().count();
            if chars < SECRET_CHARS_MIN {
                return Err(BadSecret::TooShort { chars });
            }
            keys.push(Hmac::new_from_slice(secret.as_bytes()).map_err(|_| BadSecret::Blank)?);
        }
        if keys.is_empty() { Err(BadSecret::Blank) } else { Ok(Self(keys)) }
    }
}

impl WebhookSource for WebhookSecrets {
    fn name(&self) -> &'static str {
        NAME
    }

    fn signature_header(&self) -> &'static str {
        "stripe-signature"
    }

    fn verify(&self, signature: Option<&[u8]>, body: &[u8], now: DateTime<Utc>) -> Result<(), Forged> {
        let header = Header::parse(signature.ok_or(Forged::NoSignature)?)?;
        // Every pair is compared, whichever fits, so that the time it takes tells nothing.
        let mut any = Choice::from(0);
        for key in &self.0 {
            let mut mac = key.clone();
            mac.update(header.signed_at_text);
            mac.update(b".");
            mac.update(body);
            let ours: Digest = mac.finalize().into_bytes().into();
            for theirs in &header.digests {
                any |= ours.as_slice().ct_eq(theirs.as_slice());
            }
        }
        if !bool::from(any) {
            return Err(Forged::NoMatch);
        }
        match now.timestamp().saturating_sub(header.signed_at) {
            late if late > TOLERANCE_SECONDS => Err(Forged::TooOld),
            late if late < -TOLERANCE_SECONDS => Err(Forged::InTheFuture),
            _ => Ok(()),
        }
    }
}

/// The header, taken apart.
struct Header<'a> {
    /// As it was written, which is what was signed.
    signed_at_text: &'a [u8],
    signed_at: i64,
    digests: Vec<Digest>,
}

impl<'a> Header<'a> {
    fn parse(header: &'a [u8]) -> Result<Self, Forged> {
        if header.len() > HEADER_BYTES_MAX {
            return Err(Forged::Malformed);
        }
        let mut signed_at = None;
        let mut digests = Vec::new();
        for part in header.split(|byte| *byte == b',') {
            let part = part.trim_ascii();
            if let Some(text) = part.strip_prefix(b"t=") {
                let number = seconds(text).ok_or(Forged::Malformed)?;
                if signed_at.replace((text, number)).is_some() {
                    return Err(Forged::Malformed);
                }
            } else if let Some(text) = part.strip_prefix(b"v1=") {
                // What is no digest fits nothing; another one may.
                digests.extend(digest(text));
            }
        }
        let (signed_at_text, signed_at) = signed_at.ok_or(Forged::Malformed)?;
        if digests.is_empty() { Err(Forged::Malformed) } else { Ok(Self { signed_at_text, signed_at, digests }) }
    }
}

/// Digits alone, as many as an instant can have.
fn seconds(text: &[u8]) -> Option<i64> {
    let digits = (1..=12).contains(&text.len()) && text.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(text).ok().filter(|_| digits)?.parse().ok()
}

fn digest(text: &[u8]) -> Option<Digest> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = [0_u8; 32];
    if text.len() != 64 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = digit(high)? << 4 | digit(low)?;
    }
    Some(bytes)
}

/// Signs as Stripe does: for tests, and to try an endpoint out.
#[must_use]
pub fn sign(secret: &str, at: DateTime<Utc>, body: &[u8]) -> String {
    use fmt::Write as _;
    let signed_at = at.timestamp();
    let mut header = format!("t={signed_at},v1=");
    if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) {
        mac.update(format!("{signed_at}.").as_bytes());
        mac.update(body);
        for byte in mac.finalize().into_bytes() {
            // Writing into a text cannot fail.
            let _ = write!(header, "{byte:02x}");
        }
    }
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "whsec_1f0e2d3c4b5a69788796a5b4c3d2e1f0";
    const NEW: &str = "whsec_00112233445566778899aabbccddeeff";
    const BODY: &[u8] = br#"{"id":"evt_1","type":"charge.updated"}"#;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_769_850_000 + seconds, 0).unwrap()
    }

    fn verified(secrets: &str, header: &str, body: &[u8], now: DateTime<Utc>) -> Result<(), Forged> {
        WebhookSecrets::parse(secrets).unwrap().verify(Some(header.as_bytes()), body, now)
    }

    /// Computed by `openssl dgst -sha256 -hmac SECRET` over `1769850000.{}`.
    #[test]
    fn an_outside_program_computes_the_same() {
        let header = "t=1769850000,v1=0dd2ea6c43b7a0e58a27acb26ce7815b1cbd5d8efb17a8c6535ee98c8b32a03a";
        assert_eq!(verified(OLD, header, b"{}", at(0)), Ok(()));
        assert_eq!(sign(OLD, at(0), b"{}"), header);
    }

    #[test]
    fn any_signature_by_any_secret_will_do() {
        let (by_old, by_new) = (sign(OLD, at(0), BODY), sign(NEW, at(0), BODY));
        let digest_of = |header: &str| header.split_once(',').unwrap().1.to_owned();
        let both = format!("{by_old},{}", digest_of(&by_new));
        let other_way = format!("{by_new},{}", digest_of(&by_old));
        let rotating = format!("{OLD},{NEW}");
        for secrets in [OLD, NEW, rotating.as_str()] {
            for header in [&both, &other_way] {
                assert_eq!(verified(secrets, header, BODY, at(0)), Ok(()));
            }
        }
        assert_eq!(verified(&rotating, &by_old, BODY, at(0)), Ok(()));
        assert_eq!(verified(&rotating, &by_new, BODY, at(0)), Ok(()));
        assert_eq!(verified(NEW, &by_old, BODY, at(0)), Err(Forged::NoMatch));
        let with_v0 = format!("{by_old},v0=6ffbb59b2300aae63f272406069a9788598b792a944a07aba816edb039989a39");
        assert_eq!(verified(OLD, &with_v0, BODY, at(0)), Ok(()));
    }

    #[test]
    fn the_clocks_may_be_five_minutes_apart() {
        let header = sign(OLD, at(0), BODY);
        for (seconds, expected) in [
            (0, Ok(())),
            (300, Ok(())),
            (-300, Ok(())),
            (301, Err(Forged::TooOld)),
            (-301, Err(Forged::InTheFuture)),
            (400_000_000, Err(Forged::TooOld)),
        ] {
            assert_eq!(verified(OLD, &header, BODY, at(seconds)), expected, "{seconds}");
        }
    }

    #[test]
    fn what_is_no_signature_is_refused() {
        let good = sign(OLD, at(0), BODY);
        let (time, digest) = good.split_once(",v1=").unwrap();
        for header in [
            "",
            ",",
            "t=",
            "t=1769850000",
            time,
            "v1=00",
            &format!("v1={digest}"),
            &format!("t=-1,v1={digest}"),
            &format!("t=1e9,v1={digest}"),
            &format!("t=9999999999999,v1={digest}"),
            &format!("{time},v0={digest}"),
            &format!("{time},{time},v1={digest}"),
            &format!("{time},v1={}", &digest[1..]),
            &format!("{time},v1=g{}", &digest[1..]),
            &format!("{good},{}", "x".repeat(3_000)),
        ] {
            assert_eq!(verified(OLD, header, BODY, at(0)), Err(Forged::Malformed), "{header}");
        }
        let secrets = WebhookSecrets::parse(OLD).unwrap();
        assert_eq!(secrets.verify(None, BODY, at(0)), Err(Forged::NoSignature));
        assert_eq!(secrets.verify(Some(b"\xff\xfe"), BODY, at(0)), Err(Forged::Malformed));
        assert_eq!(verified(OLD, &format!("{time},v1={digest}").replace("t=1", "t=01"), BODY, at(0)), Err(Forged::NoMatch));
    }

    /// F45: not one of all bytes can be changed, in the body or in the digest.
    #[test]
    fn every_alteration_is_found() {
        let header = sign(OLD, at(0), BODY);
        let secrets = WebhookSecrets::parse(OLD).unwrap();
        let mut tried = 0;
        for position in 0..BODY.len() {
            for flip in 1..=255_u8 {
                let mut body = BODY.to_vec();
                body[position] ^= flip;
                assert_eq!(secrets.verify(Some(header.as_bytes()), &body, at(0)), Err(Forged::NoMatch));
                tried += 1;
            }
        }
        for position in header.find("v1=").unwrap() + 3..header.len() {
            for flip in 1..=15_u8 {
                let mut altered = header.clone().into_bytes();
                altered[position] ^= flip;
                let verdict = secrets.verify(Some(&altered), BODY, at(0));
                assert!(matches!(verdict, Err(Forged::NoMatch | Forged::Malformed)), "{verdict:?}");
                tried += 1;
            }
        }
        assert!(tried > 10_000, "{tried}");
    }

    #[test]
    fn blank_secrets_and_keys_are_refused() {
        for text in ["", " ", "\n", ",", " , \n"] {
            assert_eq!(WebhookSecrets::parse(text).unwrap_err(), BadSecret::Blank, "{text:?}");
        }
        assert_eq!(WebhookSecrets::parse("whsec_").unwrap_err(), BadSecret::TooShort { chars: 6 });
        assert_eq!(WebhookSecrets::parse(&format!("{OLD},whsec_")).unwrap_err(), BadSecret::TooShort { chars: 6 });
        assert_eq!(WebhookSecrets::parse("sk_test_0123456789abcdef").unwrap_err(), BadSecret::IsApiKey);
        assert!(!format!("{:?}", WebhookSecrets::parse(OLD).unwrap()).contains("1f0e"));
    }
}
