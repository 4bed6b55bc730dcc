//! Where a list goes on.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Query;
use crate::ids::BroadcastId;

/// Names a ranking by what is in it, so that the same order has the same name whenever it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RankingId([u8; 16]);

impl RankingId {
    pub(super) fn of(query: &Query, ids: &[BroadcastId]) -> Self {
        let mut digest = Context::new(&SHA256);
        // A query is plain data, which always can be written.
        digest.update(&serde_json::to_vec(query).unwrap_or_default());
        for id in ids {
            digest.update(id.0.as_bytes());
        }
        let mut name = [0; 16];
        name.copy_from_slice(&digest.finish().as_ref()[..16]);
        Self(name)
    }
}

/// A place in a ranking. As text it is opaque: base64url of both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// Which ranking.
    pub ranking: RankingId,
    /// How many of it come before.
    pub place: u32,
}

/// A text that is no cursor.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("is not a cursor of this server")]
pub struct MalformedCursor;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&self.ranking.0[..], &self.place.to_be_bytes()].concat();
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for Cursor {
    type Err = MalformedCursor;

    fn from_str(text: &str) -> Result<Self, MalformedCursor> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| MalformedCursor)?;
        let (ranking, place) = bytes.split_first_chunk::<16>().ok_or(MalformedCursor)?;
        let place = place.try_into().map_err(|_| MalformedCursor)?;
        Ok(Self { ranking: RankingId(*ranking), place: u32::from_be_bytes(place) })
    }
}
