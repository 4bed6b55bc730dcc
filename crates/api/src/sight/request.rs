//! What names a request, in logs, in answers and in errors: its own id, and the trace that it belongs to (W3C Trace
//! Context, level 2).

use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, Method};
use tallylight_core::clock::Clock;
use tallylight_core::ids::Ids;
use uuid::Uuid;

use super::Route;

tokio::task_local! {
    static CURRENT: Trail;
}

/// A trace: 16 bytes, not all zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceId(u128);

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl TraceId {
    /// The trace of a `traceparent` (§3.2); nothing of one that is not valid.
    pub fn continued(traceparent: &str) -> Option<Self> {
        let mut parts = traceparent.split('-');
        let version = hex(parts.next()?, 2)?;
        let (trace, parent) = (hex(parts.next()?, 32)?, hex(parts.next()?, 16)?);
        hex(parts.next()?, 2)?;
        // A later version may say more behind this; the first says no more.
        let is_whole = version != 0 || parts.next().is_none();
        (version != 0xff && trace != 0 && parent != 0 && is_whole).then_some(Self(trace))
    }
}

/// So many digits, in small letters.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_hex = text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if is_hex { u128::from_str_radix(text, 16).ok() } else { None }
}

/// A request under way.
#[derive(Debug, Clone)]
pub struct Trail {
    /// Its own id; always the server's, so that nobody makes two requests look like one.
    pub id: Uuid,
    /// The caller's trace if it named one; else the request's id is its trace too.
    pub trace: TraceId,
    /// By what.
    pub method: Method,
    /// Where.
    pub route: Arc<Route>,
}

impl Trail {
    /// Names a request.
    pub fn begin(
        (ids, clock): (&dyn Ids, &dyn Clock),
        headers: &HeaderMap,
        method: Method,
        route: Arc<Route>,
    ) -> Self {
        // Without randomness a request has no name of its own, and is answered all the same.
        let id = ids.uuid(clock.now()).unwrap_or_default();
        let mut given = headers.get_all("traceparent").iter();
        let parent = given.next().and_then(|parent| parent.to_str().ok()).filter(|_| given.next().is_none());
        let trace = parent.and_then(TraceId::continued).unwrap_or(TraceId(id.as_u128()));
        Self { id, trace, method, route }
    }

    /// Does something as part of this request.
    pub fn within<F: Future>(self, work: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, work)
    }

    /// The request that this task answers, if it answers one.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Self::clone).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_continued_as_the_standard_says() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let of = |parent: &str| TraceId::continued(parent).map(|trace| trace.to_string());
        let valid = format!("00-{trace}-00f067aa0ba902b7-01");
        assert_eq!(of(&valid).as_deref(), Some(trace));
        assert_eq!(of(&format!("cc-{trace}-00f067aa0ba902b7-01-what-comes")).as_deref(), Some(trace));
        for invalid in [
            "",
            "00",
            &valid.to_uppercase(),
            &format!("{valid}-more"),
            &format!("{valid}-"),
            &format!("ff-{trace}-00f067aa0ba902b7-01"),
            &format!("00-{trace}-00f067aa0ba902b7"),
            &format!("00-{trace}-0000000000000000-01"),
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            &format!("0-{trace}-00f067aa0ba902b7-01"),
            &format!("00-+{}-00f067aa0ba902b7-01", &trace[1..]),
            &format!("00-{trace}0-00f067aa0ba902b7-01"),
            &format!("00-{trace}-00f067aa0ba902b7-zz"),
        ] {
            assert_eq!(of(invalid), None, "{invalid}");
        }
    }
}
