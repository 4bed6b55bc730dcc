//! Lists that everybody may see, rendered once for each change of the directory.

use std::sync::Arc;

use aws_lc_rs::digest;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, StatusCode};
use moka::sync::Cache;
use serde::Serialize;
use tallylight_core::directory::Mark;

use crate::problem::Problem;

/// How many bytes of lists are kept: anybody may ask for any list.
const MAX_BYTES: u64 = 32 << 20;
/// What the cache spends on a list beside its texts, in bytes.
const ENTRY_BYTES: usize = 256;

/// An answer with its entity tag.
#[derive(Debug, Clone)]
pub struct Rendered {
    /// The body.
    pub body: Bytes,
    /// Its entity tag (RFC 9110 §8.8.3).
    pub etag: HeaderValue,
}

impl Rendered {
    /// Tags a body by its content.
    pub fn new(body: Bytes) -> Self {
        let hash = digest::digest(&digest::SHA256, &body);
        let tag = URL_SAFE_NO_PAD.encode(&hash.as_ref()[..12]);
        let etag = HeaderValue::try_from(format!("\"{tag}\""));
        Self { body, etag: etag.unwrap_or(HeaderValue::from_static("\"\"")) }
    }

    /// Writes and tags an answer.
    ///
    /// # Errors
    /// `internal` for what cannot be written as JSON.
    pub fn json(view: &impl Serialize) -> Result<Self, Problem> {
        let body = serde_json::to_vec(view).map_err(|error| Problem::new("internal", error.to_string()))?;
        Ok(Self::new(Bytes::from(body)))
    }

    /// The response; 304 to a caller who has this already (RFC 9110 §13.1.2).
    pub fn conditional(self, headers: &HeaderMap, cache: &'static str) -> Response {
        let known = headers.get(IF_NONE_MATCH).map(HeaderValue::as_bytes).unwrap_or_default();
        let etag = self.etag.as_bytes();
        let matches = !etag.is_empty() && known.windows(etag.len()).any(|part| part == etag);
        let cache = HeaderValue::from_static(cache);
        if matches {
            return (StatusCode::NOT_MODIFIED, [(ETAG, self.etag), (CACHE_CONTROL, cache)]).into_response();
        }
        let kind = HeaderValue::from_static("application/json");
        ([(CONTENT_TYPE, kind), (ETAG, self.etag), (CACHE_CONTROL, cache)], self.body).into_response()
    }
}

/// A list that may be shown again while its mark holds.
pub type Marked = (Mark, Rendered);

/// Keeps rendered lists by address and query.
#[derive(Debug)]
pub struct ListCache {
    lists: Cache<(String, String), Arc<Marked>>,
}

impl Default for ListCache {
    fn default() -> Self {
        let bytes = |key: &(String, String), list: &Arc<Marked>| {
            let texts = key.0.len() + key.1.len() + list.1.body.len();
            u32::try_from(ENTRY_BYTES + size_of::<Marked>() + texts).unwrap_or(u32::MAX)
        };
        Self { lists: Cache::builder().max_capacity(MAX_BYTES).weigher(bytes).build() }
    }
}

impl ListCache {
    /// The list as it was rendered last, if that holds; else rendered anew.
    ///
    /// # Errors
    /// Those of `render`.
    pub fn get<E>(
        &self,
        base: &str,
        query: &str,
        holds: impl FnOnce(&Mark) -> bool,
        render: impl FnOnce() -> Result<Marked, E>,
    ) -> Result<Rendered, E> {
        let key = (base.to_owned(), query.to_owned());
        if let Some(known) = self.lists.get(&key)
            && holds(&known.0)
        {
            return Ok(known.1.clone());
        }
        let marked = render()?;
        let rendered = marked.1.clone();
        self.lists.insert(key, Arc::new(marked));
        Ok(rendered)
    }
}
