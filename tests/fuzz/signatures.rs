//! The signature of a webhook, against a second route: the header taken apart as text, and an HMAC written out from its definition.

use chrono::DateTime;
use kasacare::provider::stripe::signature::{WebhookSecrets, sign};
use kasacare::provider::{Forged, WebhookSource};
use sha2::{Digest, Sha256};

use super::variants;

const OURS: [&str; 2] =
    ["whsec_1f0e2d3c4b5a69788796a5b4c3d2e1f0", "whsec_a_secret_that_is_longer_than_one_block_of_the_digest_and_so_is_hashed_first"];
const THEIRS: &str = "whsec_00112233445566778899aabbccddeeff";
const NOW: i64 = 1_769_850_000;
const TOLERANCE: i128 = 300;

/// A file of the corpus: our clock, the header, and then the body.
pub fn check_file(file: &[u8]) {
    let mut parts = file.splitn(3, |byte| *byte == b'\n');
    let now = parts.next().and_then(|now| std::str::from_utf8(now).ok()?.parse().ok()).unwrap_or(NOW);
    let (header, body) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    for secrets in [&OURS[..1], &OURS] {
        check(secrets, header, body, now);
    }
    check_secrets(header);
}

/// A header that was put together from signatures of all sorts; whether it was believed.
pub fn check_made(bodies: &[Vec<u8>], input: &[u8]) -> bool {
    let (how, changes) = input.split_at(input.len().min(8));
    let body = variants::of(bodies, changes);
    let how = |place: usize| how.get(place).copied().map_or(0, usize::from);
    let offset = [0, 0, 1, -1, 299, -299, 300, -300, 301, -301, i64::MAX / 2, -NOW][how(0) % 12];
    let signed_at = NOW.saturating_add(offset);
    let by = |secret: &str| {
        let at = DateTime::from_timestamp(signed_at, 0).unwrap_or_default();
        sign(secret, at, &body).split_once(",v1=").map(|(_, digest)| digest.to_owned()).unwrap_or_default()
    };
    let mut parts = vec![format!("t={}", DateTime::from_timestamp(signed_at, 0).unwrap_or_default().timestamp())];
    for place in 1..4 {
        let part = match how(place) % 12 {
            0..=2 => format!("v1={}", by(OURS[0])),
            3 => format!("v1={}", by(OURS[1])),
            4 => format!("v1={}", by(THEIRS)),
            5 => format!(" v1={}\t", by(OURS[0]).to_uppercase()),
            6 => format!("v0={}", by(OURS[0])),
            7 => format!("v1={}", &by(OURS[0])[..60]),
            8 => format!("v1={}g", &by(OURS[0])[..63]),
            9 => format!("t={signed_at}"),
            10 => format!("v1=\u{e9}{}", by(OURS[0])),
            _ => "v1".to_owned(),
        };
        parts.insert(how(place + 3) % (parts.len() + 1), part);
    }
    let secrets = if how(7) % 2 == 0 { &OURS[..] } else { &OURS[1..] };
    check(secrets, parts.join(",").as_bytes(), &body, NOW)
}

/// Compares the two routes; whether the header is believed.
fn check(secrets: &[&str], header: &[u8], body: &[u8], now: i64) -> bool {
    let at = DateTime::from_timestamp(now, 0).unwrap_or_default();
    let ours = WebhookSecrets::parse(&secrets.join(",")).unwrap();
    let verdict = ours.verify(Some(header), body, at);
    assert_eq!(verdict, expected(secrets, header, body, at.timestamp()), "{}", String::from_utf8_lossy(header));
    verdict.is_ok()
}

/// What is to come of a header, by the description of the scheme.
fn expected(secrets: &[&str], header: &[u8], body: &[u8], now: i64) -> Result<(), Forged> {
    // Each byte as a character of its own.
    let text: String = header.iter().map(|byte| char::from(*byte)).collect();
    let parts: Vec<&str> = text.split(',').map(|part| part.trim_matches([' ', '\t', '\n', '\r', '\u{c}'])).collect();
    let times: Vec<&str> = parts.iter().filter_map(|part| part.strip_prefix("t=")).collect();
    let is_digest = |text: &&str| text.len() == 64 && text.chars().all(|digit| digit.is_ascii_hexdigit());
    let digests: Vec<String> = parts.iter().filter_map(|part| part.strip_prefix("v1=")).filter(is_digest).map(str::to_lowercase).collect();
    let is_time = |text: &str| (1..=12).contains(&text.len()) && text.chars().all(|digit| digit.is_ascii_digit());
    let [time] = times.as_slice() else { return Err(Forged::Malformed) };
    if header.len() > 2_048 || !is_time(time) || digests.is_empty() {
        return Err(Forged::Malformed);
    }
    let message = [time.as_bytes(), b".", body].concat();
    if !secrets.iter().any(|secret| digests.contains(&hmac(secret.as_bytes(), &message))) {
        return Err(Forged::NoMatch);
    }
    match i128::from(now) - time.parse::<i128>().unwrap() {
        late if late > TOLERANCE => Err(Forged::TooOld),
        late if late < -TOLERANCE => Err(Forged::InTheFuture),
        _ => Ok(()),
    }
}

/// HMAC-SHA256 as RFC 2104 writes it.
fn hmac(key: &[u8], message: &[u8]) -> String {
    let mut block = [0_u8; 64];
    if key.len() > 64 {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let inner = Sha256::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(message).finalize();
    format!("{:x}", Sha256::new().chain_update(block.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize())
}

/// Whatever is taken as a secret is long enough and no key, and what it signs is believed.
fn check_secrets(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let parts: Vec<&str> = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|part| !part.is_empty()).collect();
    match WebhookSecrets::parse(&text) {
        Ok(secrets) => {
            assert!(!parts.is_empty());
            let at = DateTime::from_timestamp(NOW, 0).unwrap();
            for secret in parts {
                assert!(secret.chars().count() >= 16 && !["sk_", "rk_", "pk_"].iter().any(|start| secret.starts_with(start)), "{secret}");
                assert_eq!(secrets.verify(Some(sign(secret, at, b"{}").as_bytes()), b"{}", at), Ok(()));
            }
        }
        Err(bad) => assert!(parts.iter().all(|part| !bad.to_string().contains(part) || part.len() < 16), "{bad}"),
    }
}
