//! Random histories: whatever happens in whatever order, the counts are what the log adds up to.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Map;
use tallylight_core::Caller;
use tallylight_core::analytics::{Interval, Metric, Period};
use tallylight_core::chat::{Reaction, Reactor};
use tallylight_core::ids::{BroadcastId, ViewerId};
use tallylight_core::session::{Joined, OwnEvent, Question};
use tokio::runtime::Runtime;

use crate::world::{Home, Settings, World, refusal};

const TIMEOUT: u64 = 15;

/// Something that happens. Numbers choose one of those who joined so far.
#[derive(Debug, Clone, Copy)]
enum Step {
    Join,
    JoinAgain(usize),
    Play(usize),
    Heartbeat(usize),
    Leave(usize),
    Pass(u64),
    Jump(i64),
    Restart,
    /// Logs are added up.
    AddUp,
    /// An integrator logs something.
    Log,
    /// The owner says something, and takes it back.
    Talk,
    React(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Join),
        3 => any::<usize>().prop_map(Step::JoinAgain),
        2 => any::<usize>().prop_map(Step::Play),
        4 => any::<usize>().prop_map(Step::Heartbeat),
        2 => any::<usize>().prop_map(Step::Leave),
        4 => (1..20u64).prop_map(Step::Pass),
        1 => (-90_000..90_000i64).prop_map(Step::Jump),
        1 => Just(Step::Restart),
        2 => Just(Step::AddUp),
        1 => Just(Step::Log),
        1 => Just(Step::Talk),
        1 => any::<usize>().prop_map(Step::React),
    ]
}

/// What the rules say of a viewer.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    /// There, silent for so many seconds.
    Present(u64),
    TimedOut,
    Left,
}

/// The rules in their plainest form, beside the managers that must keep them.
struct Hall {
    world: World,
    owner: Caller,
    show: BroadcastId,
    max: u32,
    crowd: Vec<(Joined, Place)>,
}

impl Hall {
    async fn new(home: Home, max: u32) -> Self {
        let mut settings = Settings::default();
        let chat = &mut settings.sessions.chat;
        (chat.messages.interval, chat.reactions.interval) = (Duration::ZERO, Duration::ZERO);
        let world = World::at(home, settings).await;
        let owner = world.user("ada").await;
        let show = world.show_for(&owner, max).await;
        Self { world, owner, show, max, crowd: Vec::new() }
    }

    fn present(&self) -> BTreeSet<ViewerId> {
        let there = self.crowd.iter().filter(|(_, place)| matches!(place, Place::Present(_)));
        there.map(|(joined, _)| joined.viewer).collect()
    }

    fn has_room(&self) -> bool {
        self.max == 0 || self.present().len() < self.max as usize
    }

    async fn takes(mut self, step: Step) -> Self {
        match step {
            Step::Join => self.somebody_joins().await,
            Step::Pass(seconds) => self.time_passes(seconds).await,
            Step::Jump(seconds) => self.world.jump(time::Duration::seconds(seconds)).await,
            Step::Restart => return self.restarts().await,
            Step::AddUp => self.world.sessions.add_up_logs().await.unwrap(),
            Step::Log => self.something_is_logged().await,
            Step::Talk => self.somebody_talks().await,
            Step::JoinAgain(who)
            | Step::Play(who)
            | Step::Heartbeat(who)
            | Step::Leave(who)
            | Step::React(who) => {
                if !self.crowd.is_empty() {
                    self.viewer_acts(step, who % self.crowd.len()).await;
                }
            }
        }
        self
    }

    async fn somebody_joins(&mut self) {
        let expected = if self.has_room() { "accepted" } else { "full" };
        let outcome = self.world.join(&crate::world::ANYBODY, self.show).await;
        if let Ok(joined) = &outcome {
            self.crowd.push((joined.clone(), Place::Present(0)));
        }
        assert_eq!(refusal(outcome), expected);
    }

    async fn something_is_logged(&self) {
        let event = OwnEvent { kind: "poll.opened".into(), data: Map::new(), metadata: Map::new() };
        self.world.sessions.log_session_event(&self.owner, self.show, event).await.unwrap();
    }

    async fn somebody_talks(&self) {
        let said = self.world.sessions.say(&self.owner, self.show, "hello".into()).await.unwrap();
        self.world.sessions.delete_message(&self.owner, self.show, said.id).await.unwrap();
    }

    async fn viewer_acts(&mut self, step: Step, who: usize) {
        let (joined, place) = self.crowd[who].clone();
        let (show, world) = (self.show, &self.world);
        let (outcome, expected, after) = match step {
            Step::Heartbeat(_) => {
                let outcome = refusal(world.sessions.heartbeat(show, &joined.viewer_token));
                match place {
                    Place::Present(_) => (outcome, "accepted", Place::Present(0)),
                    gone => (outcome, "gone", gone),
                }
            }
            Step::React(_) => {
                let by = Reactor::Viewer(joined.viewer);
                let outcome = refusal(world.sessions.react(by, show, Reaction::Clap).await);
                (outcome, if matches!(place, Place::Present(_)) { "accepted" } else { "gone" }, place)
            }
            Step::Leave(_) => {
                (refusal(world.sessions.leave(show, &joined.viewer_token).await), "accepted", Place::Left)
            }
            _ => {
                let outcome = match step {
                    Step::Play(_) => refusal(world.plays(show, &joined.playback_token).await),
                    _ => refusal(world.join_again(show, &joined.viewer_token).await),
                };
                match place {
                    Place::Left => (outcome, "gone", place),
                    Place::TimedOut if !self.has_room() => (outcome, "full", place),
                    Place::Present(_) | Place::TimedOut => (outcome, "accepted", Place::Present(0)),
                }
            }
        };
        assert_eq!(outcome, expected, "{step:?} of one who is {place:?}");
        self.crowd[who].1 = after;
    }

    async fn time_passes(&mut self, seconds: u64) {
        for (_, place) in &mut self.crowd {
            *place = match *place {
                Place::Present(silent) if silent + seconds >= TIMEOUT => Place::TimedOut,
                Place::Present(silent) => Place::Present(silent + seconds),
                gone => gone,
            };
        }
        self.world.pass(seconds).await;
    }

    async fn restarts(mut self) -> Self {
        for (_, place) in &mut self.crowd {
            if let Place::Present(silent) = place {
                *silent = 0;
            }
        }
        Self { world: self.world.restarted().await, ..self }
    }

    /// Adds up the log: who is there, and the most at a time.
    async fn check(&self) {
        let (mut there, mut peak) = (BTreeSet::new(), 0);
        for event in self.world.log(self.show).await {
            let viewer = || event.data["viewer_id"].as_str().unwrap().parse::<ViewerId>().unwrap();
            match event.kind.as_str() {
                "viewer.joined" => assert!(there.insert(viewer()), "joined twice"),
                "viewer.left" => assert!(there.remove(&viewer()), "left without being there"),
                _ => {}
            }
            peak = peak.max(there.len());
            assert!(self.max == 0 || there.len() <= self.max as usize, "more than there are places");
        }
        let counts = self.world.state(self.show).await.counts;
        assert_eq!((counts.viewers as usize, counts.peak as usize), (there.len(), peak));
        assert_eq!(there, self.present());
    }

    /// Works out anew what is served.
    async fn audit(&self) {
        assert_eq!(self.world.audit(self.show, (Period::All, None)).await, Vec::<String>::new());
    }

    /// Asks for something of the log, at its end.
    async fn check_analytics(&self) {
        for (period, interval) in Period::ALL.iter().zip(Interval::ALL.iter().cycle()) {
            let (period, interval, metrics) = (*period, Some(*interval), Metric::ALL.to_vec());
            let asked = Question { period, interval, metrics };
            if self.world.sessions.get_session_metrics(self.show, &asked).await.is_ok() {
                let faults = self.world.audit(self.show, (period, interval)).await;
                assert_eq!(faults, Vec::<String>::new(), "{period} by {interval:?}");
            }
        }
    }
}

async fn happens(home: Home, max: u32, steps: Vec<Step>) {
    let mut hall = Hall::new(home, max).await;
    for (number, step) in steps.into_iter().enumerate() {
        hall = hall.takes(step).await;
        hall.check().await;
        if number % 8 == 0 {
            hall.audit().await;
        }
    }
    hall.world.ends(&hall.owner, hall.show).await;
    hall.crowd.clear();
    hall.check().await;
    hall.check_analytics().await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn counts_and_sums_are_what_the_log_adds_up_to_in_a_file(max in 0..4u32, steps in vec(step(), 1..50)) {
        Runtime::new().unwrap().block_on(happens(Home::file(), max, steps));
    }

    #[test]
    fn counts_and_sums_are_what_the_log_adds_up_to_on_a_server(max in 0..4u32, steps in vec(step(), 1..50)) {
        Runtime::new().unwrap().block_on(happens(Home::server(), max, steps));
    }
}
