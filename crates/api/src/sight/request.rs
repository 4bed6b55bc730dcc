//! What names a request, in logs, in answers and in errors: its own id, and the trace that it belongs to (W3C Trace
//! Context, level 2).

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, Method};
use tallylight_core::clock::Time;
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

/// Names requests: apart from each other and from those of other servers and starts. Nobody has to be unable to guess
/// one, and the system's randomness for each would cost more than all that is counted of a request.
#[derive(Debug)]
pub struct Names {
    next: AtomicU64,
    server: [u8; 2],
}

/// Odd, so that every count gives another number, and far from the one before.
const STRIDE: u64 = 0x9e37_79b9_7f4a_7c15;

impl Names {
    /// From a random number on; from nothing where the system gives none.
    pub fn new(ids: &dyn Ids) -> Self {
        let (mut next, mut server) = ([0; 8], [0; 2]);
        if let Err(error) = ids.fill(&mut next).and_then(|()| ids.fill(&mut server)) {
            tracing::warn!(%error, "names of requests may come twice");
        }
        Self { next: AtomicU64::new(u64::from_ne_bytes(next)), server }
    }

    /// The next, of a time (RFC 9562 §5.7).
    pub fn next(&self, now: Time) -> Uuid {
        let mut rest = [0; 10];
        rest[..8].copy_from_slice(&self.next.fetch_add(STRIDE, Ordering::Relaxed).to_be_bytes());
        rest[8..].copy_from_slice(&self.server);
        let millis = u64::try_from(now.unix_timestamp_nanos() / 1_000_000).unwrap_or_default();
        uuid::Builder::from_unix_timestamp_millis(millis, &rest).into_uuid()
    }
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
    pub fn begin(id: Uuid, headers: &HeaderMap, method: Method, route: Arc<Route>) -> Self {
        let mut given = headers.get_all("traceparent").iter();
        let parent = given.next().and_then(|parent| parent.to_str().ok()).filter(|_| given.next().is_none());
        let trace = parent.and_then(TraceId::continued).unwrap_or(TraceId(id.as_u128()));
        Self { id, trace, method, route }
    }

    /// Does something as part of this request.
    pub fn within<F: Future>(self, work: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, work)
    }

    /// Says something as part of this request.
    pub fn say<T>(&self, what: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self.clone(), what)
    }

    /// The request that this task answers, if it answers one.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Self::clone).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use tallylight_core::ids::SystemIds;

    use super::*;

    #[test]
    fn no_request_has_the_name_of_another() {
        let (one, other) = (Names::new(&SystemIds::default()), Names::new(&SystemIds::default()));
        let now = time::macros::datetime!(2026-05-01 12:00 UTC);
        let names: HashSet<Uuid> = (0..10_000).flat_map(|_| [one.next(now), other.next(now)]).collect();
        assert_eq!(names.len(), 20_000);
        assert!(names.iter().all(|name| name.get_version_num() == 7));
    }

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
