//! Accounts in this server's memory.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::clock::Clock as _;
use governor::middleware::{NoOpMiddleware, StateInformationMiddleware};
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::state::keyed::ShrinkableKeyedStateStore;
use governor::{Quota, RateLimiter};
use tallylight_core::clock::Clock;

use super::{Class, LimitKey, LimitSettings, Meter, Rate, Taking, Verdict};

/// Parts of the memory of a class, each under a lock of its own.
const SHARDS: usize = 16;

#[derive(Clone)]
struct Monotonic(Arc<dyn Clock>);

impl governor::clock::Clock for Monotonic {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.monotonic()
    }
}

/// As the library makes it: it tells of what is left once it is given other middleware.
type Unaware = RateLimiter<LimitKey, Cells, Monotonic, NoOpMiddleware<Duration>>;

/// The accounts of one class.
struct Accounts {
    limiter: RateLimiter<LimitKey, Cells, Monotonic, StateInformationMiddleware>,
    cells: Cells,
    interval: Duration,
}

/// Keeps accounts in memory.
pub struct Memory {
    clock: Monotonic,
    accounts: [Option<Accounts>; Class::COUNT],
}

impl Memory {
    pub fn new(settings: &LimitSettings, clock: &Arc<dyn Clock>) -> Self {
        let clock = Monotonic(clock.clone());
        let accounts = settings.rates.map(|rate| Accounts::new(rate?, settings.max_keys, clock.clone()));
        Self { clock, accounts }
    }
}

impl Accounts {
    fn new(rate: Rate, max_keys: usize, clock: Monotonic) -> Option<Self> {
        let (interval, burst) = (rate.interval(), NonZeroU32::new(rate.count)?);
        let cells = Cells::new(max_keys);
        let quota = Quota::with_period(interval)?.allow_burst(burst);
        let limiter = Unaware::new(quota, cells.clone(), clock).with_middleware();
        Some(Self { limiter, cells, interval })
    }
}

impl Meter for Memory {
    fn take(&self, class: Class, key: LimitKey) -> Taking {
        let Some(accounts) = &self.accounts[class.index()] else {
            return Taking::Done(Verdict::Pass { left: u32::MAX });
        };
        Taking::Done(match accounts.limiter.check_key(&key) {
            Ok(state) => Verdict::Pass { left: state.remaining_burst_capacity() },
            Err(until) => Verdict::Refused { wait: until.wait_time_from(self.clock.now()) },
        })
    }

    fn give_back(&self, class: Class, key: LimitKey) {
        if let Some(accounts) = &self.accounts[class.index()] {
            accounts.cells.give_back(key, accounts.interval.into());
        }
    }

    fn forget_idle(&self) {
        for accounts in self.accounts.iter().flatten() {
            accounts.limiter.retain_recent();
        }
    }
}

/// When each caller's budget will be whole again. Their number is bounded: whoever comes when it is reached shares the
/// budget of one with others that do, so that many addresses do not get around a limit, and those known go on.
#[derive(Debug, Clone)]
struct Cells(Arc<Shards>);

#[derive(Debug)]
struct Shards {
    hasher: RandomState,
    shards: [Mutex<HashMap<LimitKey, Nanos>>; SHARDS],
    max_in_shard: usize,
}

impl Cells {
    fn new(max_keys: usize) -> Self {
        let max_in_shard = max_keys.div_ceil(SHARDS);
        Self(Arc::new(Shards { hasher: RandomState::new(), shards: Default::default(), max_in_shard }))
    }

    fn shard(&self, key: &LimitKey) -> MutexGuard<'_, HashMap<LimitKey, Nanos>> {
        let hash = usize::try_from(self.0.hasher.hash_one(key) % SHARDS as u64).unwrap_or_default();
        lock(&self.0.shards[hash])
    }

    fn give_back(&self, key: LimitKey, interval: Nanos) {
        let mut shard = self.shard(&key);
        // Whoever found no room paid with the others.
        let payer = if shard.contains_key(&key) { key } else { LimitKey::Others };
        if let Some(cell) = shard.get_mut(&payer) {
            *cell = cell.saturating_sub(interval);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl StateStore for Cells {
    type Key = LimitKey;

    fn measure_and_replace<T, F, E>(&self, key: &LimitKey, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut shard = self.shard(key);
        let is_known = shard.contains_key(key);
        let key = if is_known || shard.len() < self.0.max_in_shard { *key } else { LimitKey::Others };
        let (measured, next) = measure(shard.get(&key).copied())?;
        shard.insert(key, next);
        Ok(measured)
    }
}

impl ShrinkableKeyedStateStore<LimitKey> for Cells {
    fn retain_recent(&self, drop_below: Nanos) {
        for shard in &self.0.shards {
            let mut shard = lock(shard);
            shard.retain(|_, cell| *cell > drop_below);
            // What a flood took is given back.
            if shard.capacity() > 4 * shard.len().max(64) {
                shard.shrink_to_fit();
            }
        }
    }

    fn len(&self) -> usize {
        self.0.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use tallylight_core::clock::Time;

    struct HandClock(Mutex<Duration>);

    impl Clock for HandClock {
        fn now(&self) -> Time {
            Time::UNIX_EPOCH
        }

        fn monotonic(&self) -> Duration {
            *self.0.lock().unwrap()
        }
    }

    fn memory(rate: Rate, max_keys: usize) -> (Memory, Arc<HandClock>) {
        let clock = Arc::new(HandClock(Mutex::new(Duration::from_secs(100))));
        let settings = LimitSettings { rates: [Some(rate); Class::COUNT], max_keys };
        (Memory::new(&settings, &(clock.clone() as Arc<dyn Clock>)), clock)
    }

    fn turn(clock: &HandClock, seconds: u64) {
        *clock.0.lock().unwrap() += Duration::from_secs(seconds);
    }

    fn key(number: u32) -> LimitKey {
        LimitKey::V4(number.to_be_bytes())
    }

    fn take(memory: &Memory, key: LimitKey) -> Verdict {
        let Taking::Done(verdict) = memory.take(Class::Read, key) else { panic!("memory is not asked for") };
        verdict
    }

    fn passes(memory: &Memory, key: LimitKey) -> bool {
        matches!(take(memory, key), Verdict::Pass { .. })
    }

    #[test]
    fn of_64_clients_at_once_exactly_as_many_pass_as_may() {
        for (count, each) in [(1, 4), (100, 10), (640, 10), (1_000, 10)] {
            let (memory, _) = memory(Rate::new(count, 60), 1_000);
            let passed = AtomicUsize::new(0);
            std::thread::scope(|scope| {
                for _ in 0..64 {
                    scope.spawn(|| {
                        let own = (0..each).filter(|_| passes(&memory, key(1))).count();
                        passed.fetch_add(own, Ordering::Relaxed);
                    });
                }
            });
            assert_eq!(passed.into_inner(), (64 * each).min(count as usize), "limit {count}");
        }
    }

    #[test]
    fn a_budget_comes_back_evenly() {
        let (memory, clock) = memory(Rate::new(4, 60), 1_000);
        let lefts: Vec<_> = (0..5).map(|_| take(&memory, key(1))).collect();
        let wait = Duration::from_secs(15);
        assert_eq!(lefts[0], Verdict::Pass { left: 3 });
        assert_eq!(lefts[3..], [Verdict::Pass { left: 0 }, Verdict::Refused { wait }]);
        assert!(passes(&memory, key(2)), "everybody has a budget");
        turn(&clock, 14);
        assert_eq!(take(&memory, key(1)), Verdict::Refused { wait: Duration::from_secs(1) });
        turn(&clock, 1);
        assert_eq!([passes(&memory, key(1)), passes(&memory, key(1))], [true, false]);
        turn(&clock, 60);
        assert_eq!((0..9).filter(|_| passes(&memory, key(1))).count(), 4);
    }

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let (memory, _) = memory(Rate::new(2, 60), 1_000);
        for _ in 0..10 {
            assert!(passes(&memory, key(1)));
            memory.give_back(Class::Read, key(1));
        }
        assert_eq!([(); 3].map(|()| passes(&memory, key(1))), [true, true, false]);
        memory.give_back(Class::Read, key(7));
        assert_eq!(take(&memory, key(7)), Verdict::Pass { left: 1 }, "nobody gets more than there is");
    }

    #[test]
    fn what_was_paid_with_the_others_is_given_back_to_them() {
        let (memory, _) = memory(Rate::new(2, 60), 1);
        (0..1_000).for_each(|number| _ = passes(&memory, key(number)));
        let cells = memory.accounts[Class::Read.index()].as_ref().unwrap().cells.clone();
        let stranger = key(5_000);
        *cells.shard(&stranger).get_mut(&LimitKey::Others).unwrap() = Nanos::default();
        for _ in 0..10 {
            assert!(passes(&memory, stranger));
            memory.give_back(Class::Read, stranger);
        }
    }

    #[test]
    fn those_who_are_idle_are_forgotten() {
        let (memory, clock) = memory(Rate::new(2, 60), 1_000);
        let cells = memory.accounts[Class::Read.index()].as_ref().unwrap().cells.clone();
        (0..100).for_each(|number| assert!(passes(&memory, key(number))));
        turn(&clock, 40);
        assert!(passes(&memory, key(0)));
        memory.forget_idle();
        assert_eq!(cells.len(), 100, "whoever has not all of a budget is remembered");
        turn(&clock, 21);
        memory.forget_idle();
        assert_eq!(cells.len(), 1);
        turn(&clock, 90);
        memory.forget_idle();
        assert!(cells.is_empty());
    }

    #[test]
    fn a_flood_of_addresses_takes_no_more_memory_and_gets_no_more_done() {
        let (memory, clock) = memory(Rate::new(2, 60), 160);
        let cells = memory.accounts[Class::Read.index()].as_ref().unwrap().cells.clone();
        assert!(passes(&memory, key(0)));
        let passed = (1..10_000).filter(|number| passes(&memory, key(*number))).count();
        assert!(cells.len() <= 160 + SHARDS, "{} are remembered", cells.len());
        assert!(passed <= 160 + 2 * SHARDS, "{passed} passed");
        assert!(passes(&memory, key(0)), "who was known has a budget of its own");
        turn(&clock, 120);
        memory.forget_idle();
        assert!(
            passes(&memory, key(9_999)) && passes(&memory, key(9_999)),
            "after the flood all is as before"
        );
    }
}
