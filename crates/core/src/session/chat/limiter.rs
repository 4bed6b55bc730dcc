//! How fast somebody may do something, by the server's own clock.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::Clock as _;
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use uuid::Uuid;

use crate::chat::Pace;
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::ids::BroadcastId;

/// Where, and who: a user, or a viewer nobody knows. Both have random ids of one kind.
type Key = (BroadcastId, Uuid);

#[derive(Clone)]
struct Monotonic(Arc<dyn Clock>);

impl governor::clock::Clock for Monotonic {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.monotonic()
    }
}

type Inner = RateLimiter<Key, HashMapStateStore<Key>, Monotonic, NoOpMiddleware<Duration>>;

/// Keeps each one to a pace, in each session.
pub struct Limiter {
    clock: Monotonic,
    /// `None`: there is no limit.
    inner: Option<Inner>,
}

impl Limiter {
    /// By a clock.
    pub fn new(pace: Pace, clock: Arc<dyn Clock>) -> Self {
        let clock = Monotonic(clock);
        let burst = NonZeroU32::new(pace.burst).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::with_period(pace.interval).map(|quota| quota.allow_burst(burst));
        let inner = quota.map(|quota| RateLimiter::hashmap_with_clock(quota, clock.clone()));
        Self { clock, inner }
    }

    /// Notes one more.
    ///
    /// # Errors
    /// [`Error::TooManyRequests`] when it comes too soon; it is not counted then.
    pub fn check(&self, session: BroadcastId, who: Uuid) -> Result<()> {
        let Some(inner) = &self.inner else { return Ok(()) };
        inner.check_key(&(session, who)).map_err(|until| {
            let retry_after = until.wait_time_from(self.clock.now());
            Error::TooManyRequests { retry_after }
        })
    }

    /// Forgets those who may do again whatever they could at first.
    pub fn forget_slow(&self) {
        if let Some(inner) = &self.inner {
            inner.retain_recent();
        }
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.inner.as_ref().map_or(0, RateLimiter::len)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::clock::Time;

    struct HandClock(Mutex<Duration>);

    impl Clock for HandClock {
        fn now(&self) -> Time {
            Time::UNIX_EPOCH
        }

        fn monotonic(&self) -> Duration {
            *self.0.lock().unwrap()
        }
    }

    const SHOW: BroadcastId = BroadcastId(Uuid::from_u128(1));
    const ADA: Uuid = Uuid::from_u128(2);
    const BOB: Uuid = Uuid::from_u128(3);

    fn limiter(seconds: u64) -> (Limiter, Arc<HandClock>) {
        let clock = Arc::new(HandClock(Mutex::new(Duration::from_secs(100))));
        let pace = Pace { burst: 3, interval: Duration::from_secs(seconds) };
        (Limiter::new(pace, clock.clone()), clock)
    }

    fn turn(clock: &HandClock, millis: u64) {
        *clock.0.lock().unwrap() += Duration::from_millis(millis);
    }

    /// How often it goes well at once.
    fn at_once(limiter: &Limiter, who: Uuid) -> usize {
        (0..10).take_while(|_| limiter.check(SHOW, who).is_ok()).count()
    }

    #[test]
    fn after_a_burst_there_is_one_in_each_interval() {
        let (limiter, clock) = limiter(2);
        assert_eq!((at_once(&limiter, ADA), at_once(&limiter, BOB)), (3, 3), "each has a burst");
        turn(&clock, 500);
        let Err(Error::TooManyRequests { retry_after }) = limiter.check(SHOW, ADA) else { panic!() };
        assert_eq!(retry_after, Duration::from_millis(1_500));
        turn(&clock, 1_500);
        assert_eq!(at_once(&limiter, ADA), 1);
        turn(&clock, 6_000);
        assert_eq!(at_once(&limiter, ADA), 3, "who waited has a burst again");
    }

    #[test]
    fn who_is_slow_again_is_forgotten() {
        let (limiter, clock) = limiter(2);
        at_once(&limiter, ADA);
        turn(&clock, 5_000);
        at_once(&limiter, BOB);
        limiter.forget_slow();
        assert_eq!(limiter.len(), 2);
        turn(&clock, 3_000);
        limiter.forget_slow();
        assert_eq!(limiter.len(), 1);
        assert_eq!(at_once(&limiter, ADA), 3);
    }

    #[test]
    fn without_an_interval_there_is_no_limit() {
        assert_eq!(at_once(&limiter(0).0, ADA), 10);
    }
}
