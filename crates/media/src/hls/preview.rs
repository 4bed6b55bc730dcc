//! Thumbnails of a publication's keyframes, made away from the ingest task.

use super::stream::Stream;
use crate::cmaf::AvcConfig;
use bytes::Bytes;
use std::sync::Arc;
use std::time::SystemTime;

/// Decides which keyframes become thumbnails.
#[derive(Debug, Default)]
pub(super) struct Preview {
    last: Option<SystemTime>,
}

#[cfg(not(feature = "thumbnails"))]
impl Preview {
    pub(super) fn keyframe(&mut self, _: &Arc<Stream>, _: &Arc<AvcConfig>, _: Bytes, now: SystemTime) {
        self.last = Some(now);
    }
}

#[cfg(feature = "thumbnails")]
impl Preview {
    /// Has a thumbnail made of a keyframe when one is due and a worker is free. Never waits.
    pub(super) fn keyframe(
        &mut self,
        stream: &Arc<Stream>,
        config: &Arc<AvcConfig>,
        data: Bytes,
        now: SystemTime,
    ) {
        if !self.is_due(stream, now) {
            return;
        }
        let Ok(permit) = stream.shared.workers.clone().try_acquire_owned() else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        self.last = Some(now);
        stream.thumbnail_wanted.store(false, Relaxed);
        let (stream, config) = (stream.clone(), config.clone());
        runtime.spawn_blocking(move || {
            let width = stream.shared.settings.thumbnail_width;
            match thumbnail::render(&config, &data, width) {
                Ok(jpeg) => stream.set_thumbnail(Bytes::from(jpeg), now),
                Err(error) => tracing::debug!(broadcast = %stream.id(), %error, "no thumbnail"),
            }
            drop(permit);
        });
    }

    fn is_due(&self, stream: &Stream, now: SystemTime) -> bool {
        let settings = &stream.shared.settings;
        let wanted = stream.thumbnail_wanted.load(Relaxed);
        let interval = if wanted { settings.thumbnail_interval } else { settings.thumbnail_idle_interval };
        self.last.is_none_or(|last| now.duration_since(last).is_ok_and(|elapsed| elapsed >= interval))
    }
}

#[cfg(feature = "thumbnails")]
use {crate::thumbnail, std::sync::atomic::Ordering::Relaxed};
