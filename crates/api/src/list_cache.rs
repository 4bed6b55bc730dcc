//! Lists that everybody may see, rendered once for each change of the directory.

use std::sync::Arc;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::HeaderValue;
use moka::sync::Cache;

/// How many bytes of lists are kept: anybody may ask for any list.
const MAX_BYTES: u64 = 32 << 20;

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
}

/// Keeps rendered lists by address and query.
#[derive(Debug)]
pub struct ListCache {
    lists: Cache<(String, String), Arc<(u64, Rendered)>>,
}

impl Default for ListCache {
    fn default() -> Self {
        let bytes = |key: &(String, String), list: &Arc<(u64, Rendered)>| {
            u32::try_from(key.0.len() + key.1.len() + list.1.body.len()).unwrap_or(u32::MAX)
        };
        Self { lists: Cache::builder().max_capacity(MAX_BYTES).weigher(bytes).build() }
    }
}

impl ListCache {
    /// The list as rendered at this version of the directory, rendering it if it is not there.
    ///
    /// # Errors
    /// Those of `render`.
    pub fn get<E>(
        &self,
        base: &str,
        query: &str,
        version: u64,
        render: impl FnOnce() -> Result<Bytes, E>,
    ) -> Result<Rendered, E> {
        let key = (base.to_owned(), query.to_owned());
        if let Some(known) = self.lists.get(&key)
            && known.0 == version
        {
            return Ok(known.1.clone());
        }
        let rendered = Rendered::new(render()?);
        self.lists.insert(key, Arc::new((version, rendered.clone())));
        Ok(rendered)
    }
}
