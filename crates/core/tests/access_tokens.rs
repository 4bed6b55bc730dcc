//! Access tokens under attack (RFC 8725, RFC 7519 §11): none but those that the server issued are taken, as they are.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tallylight_core::caller::{Access, Identity};
use tallylight_core::clock::Time;
use tallylight_core::ids::{BroadcastId, SignInId, UserId, ViewerId};
use tallylight_core::key;
use tallylight_core::secret::{Purpose, Secret};
use tallylight_core::token::{AccessTokens, Grant, Pass, PassKind, PlayerTokens};
use tallylight_core::user::Role;
use uuid::Uuid;

const NOON: Time = time::macros::datetime!(2026-05-01 12:00 UTC);
/// How many altered tokens are tried; `MUTATIONS=1000000` for more.
const MUTATIONS: u64 = 20_000;

fn secret() -> Secret {
    Secret::new(&[9; 32])
}

fn ada() -> Identity {
    let access = Access::SignIn(SignInId(Uuid::from_u128(2)));
    Identity { id: UserId(Uuid::from_u128(1)), username: "ada".into(), role: Role::Broadcaster, access }
}

fn issued(tokens: &AccessTokens) -> String {
    let (sign_in, id) = (SignInId(Uuid::from_u128(2)), Uuid::from_u128(3));
    tokens.issue(&Grant { identity: &ada(), sign_in, id, now: NOON, seconds: 900 }).unwrap()
}

fn header() -> Value {
    json!({ "typ": "at+jwt", "alg": "HS256" })
}

fn claims() -> Value {
    let now = NOON.unix_timestamp();
    json!({
        "iss": "tallylight", "aud": "tallylight", "sub": Uuid::from_u128(1), "sid": Uuid::from_u128(2),
        "jti": Uuid::from_u128(3), "name": "ada", "role": "broadcaster", "iat": now, "exp": now + 900,
    })
}

/// A token signed with a key of 32 bytes, whatever it says.
fn signed(key: &[u8], header: &str, claims: &str) -> String {
    let body = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), body.as_bytes());
    format!("{body}.{}", URL_SAFE_NO_PAD.encode(tag))
}

fn ours(header: &Value, claims: &Value) -> String {
    signed(&secret().derive(Purpose::Access).unwrap(), &header.to_string(), &claims.to_string())
}

fn with(mut value: Value, field: &str, new: Value) -> Value {
    value[field] = new;
    value
}

fn without(mut value: Value, field: &str) -> Value {
    value.as_object_mut().unwrap().remove(field);
    value
}

#[track_caller]
fn refused(token: &str, why: &str) {
    let tokens = AccessTokens::new(&secret()).unwrap();
    assert!(tokens.check(token, NOON).is_err(), "{why}: {token}");
}

#[test]
fn what_the_tests_sign_is_taken_where_it_says_what_the_server_says() {
    let tokens = AccessTokens::new(&secret()).unwrap();
    assert_eq!(tokens.check(&ours(&header(), &claims()), NOON).unwrap(), (ada(), 900));
    assert_eq!(tokens.check(&issued(&tokens), NOON).unwrap(), (ada(), 900));
}

#[test]
fn no_other_algorithm_is_taken_whoever_signed() {
    for algorithm in
        ["none", "None", "NONE", "", "HS384", "HS512", "RS256", "ES256", "EdDSA", "PS256", "hs256"]
    {
        refused(&ours(&with(header(), "alg", json!(algorithm)), &claims()), algorithm);
        let token = ours(&with(header(), "alg", json!(algorithm)), &claims());
        let (body, _) = token.rsplit_once('.').unwrap();
        refused(&format!("{body}."), algorithm);
        refused(body, algorithm);
    }
    refused(&ours(&without(header(), "alg"), &claims()), "no algorithm");
    refused(&ours(&with(header(), "alg", json!(["HS256"])), &claims()), "a list of algorithms");
    // Confusion: signed with HMAC of 384 bits under the very key.
    let key = secret().derive(Purpose::Access).unwrap();
    let head = URL_SAFE_NO_PAD.encode(with(header(), "alg", json!("HS384")).to_string());
    let body = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims().to_string()));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA384, &key), body.as_bytes());
    refused(&format!("{body}.{}", URL_SAFE_NO_PAD.encode(tag)), "HS384 under our key");
}

#[test]
fn no_key_is_taken_from_the_token_itself() {
    let own = [7; 32];
    let jwk = json!({ "kty": "oct", "alg": "HS256", "k": URL_SAFE_NO_PAD.encode(own) });
    for (field, value) in [
        ("jwk", jwk.clone()),
        ("jku", json!("https://evil.example/jwks.json")),
        ("x5u", json!("https://evil.example/cert.pem")),
        ("kid", json!("../../../../dev/null")),
        ("kid", json!("' UNION SELECT 'key")),
        ("kid", json!("")),
    ] {
        let head = with(header(), field, value).to_string();
        refused(&signed(&own, &head, &claims().to_string()), field);
        refused(&signed(&[], &head, &claims().to_string()), field);
        refused(&signed(&[0; 32], &head, &claims().to_string()), field);
    }
}

#[test]
fn no_other_key_of_the_server_signs_access_tokens() {
    let (head, body) = (header().to_string(), claims().to_string());
    for &purpose in Purpose::ALL.iter().filter(|&&purpose| purpose != Purpose::Access) {
        refused(
            &signed(&secret().derive(purpose).unwrap(), &head, &body),
            &format!("the key of {purpose:?}"),
        );
    }
    let other = Secret::new(&[8; 32]).derive(Purpose::Access).unwrap();
    refused(&signed(&other, &head, &body), "another server");
    refused(&signed(&[9; 32], &head, &body), "the secret itself");
}

#[test]
fn what_a_token_says_must_be_what_the_server_says() {
    for (field, value) in [
        ("typ", json!("JWT")),
        ("typ", json!("rt+jwt")),
        ("typ", json!("")),
        ("typ", json!(null)),
        ("typ", json!(1)),
    ] {
        refused(&ours(&with(header(), field, value), &claims()), "another type");
    }
    refused(&ours(&without(header(), "typ"), &claims()), "no type");
    let now = NOON.unix_timestamp();
    for (field, value) in [
        ("iss", json!("evil")),
        ("iss", json!(["tallylight"])),
        ("aud", json!("other")),
        ("aud", json!([])),
        ("aud", json!(["other"])),
        ("sub", json!("ada")),
        ("sub", json!(1)),
        ("sid", json!(null)),
        ("role", json!("root")),
        ("role", json!(["admin"])),
        ("name", json!({ "a": 1 })),
        ("exp", json!("9999999999")),
        ("exp", json!(null)),
        ("exp", json!(true)),
        ("exp", json!(-1)),
        ("exp", json!(0)),
        ("exp", json!(now - 31)),
        ("exp", json!(i64::MAX)),
        ("exp", json!(u64::MAX)),
        ("exp", json!(1e300)),
        ("exp", json!(now + 10 * 365 * 86_400)),
        ("iat", json!("now")),
        ("iat", json!(i64::MIN)),
        ("iat", json!(now + 901)),
    ] {
        refused(&ours(&header(), &with(claims(), field, value.clone())), &format!("{field}: {value}"));
    }
    for field in ["iss", "aud", "sub", "sid", "jti", "name", "role", "iat", "exp"] {
        refused(&ours(&header(), &without(claims(), field)), &format!("no {field}"));
    }
}

#[test]
fn a_claim_that_is_given_twice_is_refused_rather_than_chosen() {
    let key = secret().derive(Purpose::Access).unwrap();
    for (field, value) in
        [("role", "\"admin\""), ("sub", "\"00000000-0000-0000-0000-000000000009\""), ("exp", "1")]
    {
        let twice = claims().to_string().replacen('{', &format!("{{\"{field}\":{value},"), 1);
        refused(&signed(&key, &header().to_string(), &twice), field);
        let text = claims().to_string();
        let twice = format!("{},\"{field}\":{value}}}", &text[..text.len() - 1]);
        refused(&signed(&key, &header().to_string(), &twice), field);
    }
}

#[test]
fn what_is_not_three_parts_of_base64url_is_none() {
    let token = issued(&AccessTokens::new(&secret()).unwrap());
    let [head, body, tag] = token.split('.').collect::<Vec<_>>().try_into().unwrap();
    let bytes = URL_SAFE_NO_PAD.decode(tag).unwrap();
    for (wrong, why) in [
        (String::new(), "nothing"),
        ("..".into(), "dots"),
        (format!("{head}.{body}"), "no signature"),
        (format!("{head}.{body}."), "an empty signature"),
        (format!("{head}..{tag}"), "no claims"),
        (format!(".{body}.{tag}"), "no header"),
        (format!("{token}."), "one more part"),
        (format!("{token}.{tag}"), "one more part"),
        (format!("{head}.{body}.{}", URL_SAFE.encode(&bytes)), "padding"),
        (format!("{head}.{body}.{}=", tag), "padding"),
        (format!("{head}.{body}.{}", STANDARD.encode(&bytes)), "another alphabet"),
        (format!("{head}.{body}.{}", &tag[..tag.len() - 1]), "cut short"),
        (format!("{head}.{body}.{}", URL_SAFE_NO_PAD.encode(&bytes[..16])), "half a signature"),
        (format!("{head}.{body}.{}", URL_SAFE_NO_PAD.encode([bytes.as_slice(), &[0]].concat())), "extended"),
        (format!(" {token}"), "white space"),
        (format!("{token}\n"), "white space"),
        (token.to_uppercase(), "capitals"),
        (format!("{head}.{body}.{tag}").replace('.', "%2E"), "escapes"),
        ("A".repeat(1_000_000), "a million letters"),
        (".".repeat(100_000), "many parts"),
    ] {
        refused(&wrong, why);
    }
}

#[test]
fn tokens_of_other_kinds_are_none() {
    let players = PlayerTokens::new(&secret()).unwrap();
    let here = BroadcastId(Uuid::from_u128(4));
    let pass = Pass { viewer: ViewerId(Uuid::from_u128(5)), kind: PassKind::Viewer };
    let key = key::generate(&tallylight_core::ids::SystemIds::default()).unwrap();
    for token in [players.viewer_token(here, pass), players.playback_token(here, pass), key.text] {
        refused(&token, "another kind");
    }
}

/// A small generator, so that each run tries the same.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % bound
    }

    /// A token, altered in one to three ways.
    fn alter(&mut self, token: &str, other: &str) -> String {
        let mut bytes = token.as_bytes().to_vec();
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len().max(1)).min(bytes.len().saturating_sub(1));
            match self.below(8) {
                0 => bytes[at] = b"ABCabc019-_."[self.below(12)],
                1 => bytes[at] ^= 1 << self.below(7),
                2 => bytes.insert(at, b"A.=-_0"[self.below(6)]),
                3 if bytes.len() > 2 => drop(bytes.remove(at)),
                4 => bytes.truncate(at.max(1)),
                5 => bytes.extend_from_slice(&other.as_bytes()[..self.below(other.len())]),
                6 => bytes.swap(at, 0),
                _ => bytes = spliced(&bytes, other.as_bytes(), self.below(3)),
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// One of the parts of a token is another's.
fn spliced(token: &[u8], other: &[u8], part: usize) -> Vec<u8> {
    let mut parts: Vec<_> = token.split(|byte| *byte == b'.').collect();
    if let (Some(old), Some(new)) = (parts.get_mut(part), other.split(|byte| *byte == b'.').nth(part)) {
        *old = new;
    }
    parts.join(&b'.')
}

#[test]
fn no_altered_token_is_taken() {
    let tokens = AccessTokens::new(&secret()).unwrap();
    let token = issued(&tokens);
    let admin = ours(&header(), &with(claims(), "role", json!("admin")));
    let foreign =
        signed(&[7; 32], &header().to_string(), &with(claims(), "role", json!("admin")).to_string());
    let count = std::env::var("MUTATIONS").ok().and_then(|count| count.parse().ok()).unwrap_or(MUTATIONS);
    let mut dice = Dice(42);
    for round in 0..count {
        let other = if round % 2 == 0 { &admin } else { &foreign };
        let altered = dice.alter(&token, other);
        if altered != token && altered != admin {
            assert!(tokens.check(&altered, NOON).is_err(), "round {round}: {altered}");
        }
    }
}
