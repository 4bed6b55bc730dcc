//! Our own HTTP API, as far as drivers need it before they measure.

use anyhow::{Context, Result};
use serde_json::Value;
use url::Url;

/// Posts JSON and reads the answer's.
///
/// # Errors
/// When the answer says no, or is not JSON.
pub fn post(base: &Url, path: &str, token: Option<&str>, body: &Value) -> Result<Value> {
    post_with(&ureq::Agent::new_with_defaults(), base, path, (token, body))
}

/// The same over connections that are kept; `said` is the access token and the body.
///
/// # Errors
/// When the answer says no, or is not JSON.
pub fn post_with(agent: &ureq::Agent, base: &Url, path: &str, said: (Option<&str>, &Value)) -> Result<Value> {
    let (token, body) = said;
    let mut request = agent.post(base.join(path)?.as_str());
    if let Some(token) = token {
        request = request.header("Authorization", format!("Bearer {token}"));
    }
    let mut answer = request.send_json(body).with_context(|| format!("POST {path}"))?;
    answer.body_mut().read_json().with_context(|| format!("POST {path}"))
}

/// Makes an account on a fresh server; its access token.
///
/// # Errors
/// When the server refuses.
pub fn register(base: &Url) -> Result<String> {
    let account = serde_json::json!({
        "username": "ada",
        "email": "ada@bench.example",
        "password": "a long enough password",
    });
    let tokens = post(base, "/api/auth/register", None, &account)?;
    Ok(text(&tokens, "/access_token")?.to_owned())
}

/// A text in an answer.
///
/// # Errors
/// When it is not there.
pub fn text<'a>(value: &'a Value, pointer: &str) -> Result<&'a str> {
    value.pointer(pointer).and_then(Value::as_str).with_context(|| format!("the answer has no {pointer}"))
}
