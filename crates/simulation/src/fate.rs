//! What goes wrong: one thing after the other, as chance has it, and some of them at once.

use std::time::Duration;

use tokio::time::sleep;

use crate::network::{Host, Weather};
use crate::server::{Parts, Server};

/// What befalls the machines and lines.
#[derive(Clone)]
pub struct Fate {
    parts: Parts,
    server: Server,
    places: usize,
}

/// The line between the server and its database, in both directions.
const INNER: [(Host, Host); 2] = [(Host::Server, Host::Database), (Host::Database, Host::Server)];

impl Fate {
    /// Of a server and so many places.
    pub fn new(parts: &Parts, server: &Server, places: usize) -> Self {
        Self { parts: parts.clone(), server: server.clone(), places }
    }

    /// One misfortune after the other, until it is dropped.
    pub async fn strikes_inside(self) {
        loop {
            sleep(self.parts.dice.millis(1_000..22_000)).await;
            self.parts.judge.fault(true);
            match self.parts.dice.number(0..100) {
                0..27 => self.kills_the_server().await,
                27..42 => self.freezes_the_database().await,
                42..52 => self.kills_the_database().await,
                52..60 => self.fills_the_disk().await,
                60..80 => self.cuts_the_inner_line().await,
                _ => self.slows_the_inner_line().await,
            }
            self.parts.judge.fault(false);
        }
    }

    /// What does not touch the server and its database: the lines to people, and the wall clock.
    pub async fn strikes_outside(self) {
        loop {
            sleep(self.parts.dice.millis(1_000..15_000)).await;
            match self.parts.dice.number(0..100) {
                0..35 => self.cuts_a_place_off().await,
                35..75 => self.makes_bad_weather().await,
                _ => self.sets_the_clock(),
            }
        }
    }

    /// Everything works again, wherever the others were interrupted.
    pub fn relents(&self) {
        self.parts.trace.note("fate", "relents");
        for line in INNER {
            self.parts.network.set_cut(line, false);
        }
        self.parts.network.set_weather(INNER[0], Weather::FAIR);
        for place in 0..self.places {
            self.set_cut_off(place, false);
            self.parts.network.set_weather((Host::Place(place), Host::Server), Weather::FAR);
        }
        self.parts.machine.freeze(false);
        self.parts.machine.fill(false);
        if !self.parts.network.is_up(Host::Database) {
            self.parts.network.start(Host::Database);
        }
        if !self.parts.network.is_up(Host::Server) {
            self.server.start();
        }
        self.parts.judge.relents();
    }

    async fn lasts(&self, millis: std::ops::Range<u64>) {
        sleep(self.parts.dice.millis(millis)).await;
    }

    fn notes(&self, what: &str) {
        self.parts.trace.note("fate", what);
    }

    async fn kills_the_server(&self) {
        self.notes("kills the server");
        self.server.crash();
        self.lasts(200..6_000).await;
        self.notes("starts the server");
        self.server.start();
    }

    async fn freezes_the_database(&self) {
        self.notes("freezes the database");
        self.parts.machine.freeze(true);
        self.lasts(100..12_000).await;
        self.notes("lets the database go on");
        self.parts.machine.freeze(false);
    }

    async fn kills_the_database(&self) {
        self.notes("kills the database");
        self.parts.network.crash(Host::Database);
        self.lasts(100..6_000).await;
        self.notes("starts the database");
        self.parts.network.start(Host::Database);
    }

    async fn fills_the_disk(&self) {
        self.notes("fills the disk");
        self.parts.machine.fill(true);
        self.lasts(100..6_000).await;
        self.notes("empties the disk");
        self.parts.machine.fill(false);
    }

    /// In both directions, or only that of the answers.
    async fn cuts_the_inner_line(&self) {
        let lines = if self.parts.dice.percent(50) { &INNER[..] } else { &INNER[1..] };
        self.notes("cuts the line to the database");
        lines.iter().for_each(|line| self.parts.network.set_cut(*line, true));
        self.lasts(50..12_000).await;
        self.notes("mends the line to the database");
        lines.iter().for_each(|line| self.parts.network.set_cut(*line, false));
    }

    async fn slows_the_inner_line(&self) {
        self.notes("slows the line to the database");
        let (slowest, loss) = (self.parts.dice.number(50..2_500), self.parts.dice.number(0..30));
        self.parts.network.set_weather(INNER[0], Weather { millis: (1, slowest.into()), loss });
        self.lasts(1_000..12_000).await;
        self.notes("clears the line to the database");
        self.parts.network.set_weather(INNER[0], Weather::FAIR);
    }

    async fn cuts_a_place_off(&self) {
        let place = self.place();
        self.notes(&format!("cuts off place {place}"));
        self.set_cut_off(place, true);
        self.lasts(500..25_000).await;
        self.notes(&format!("reconnects place {place}"));
        self.set_cut_off(place, false);
    }

    async fn makes_bad_weather(&self) {
        let (place, dice) = (self.place(), &self.parts.dice);
        let weather = Weather { millis: (10, dice.number(200..4_000).into()), loss: dice.number(0..50) };
        self.notes(&format!("makes weather for place {place}: {weather:?}"));
        self.parts.network.set_weather((Host::Place(place), Host::Server), weather);
        self.lasts(2_000..20_000).await;
        self.parts.network.set_weather((Host::Place(place), Host::Server), Weather::FAR);
    }

    fn sets_the_clock(&self) {
        let hours = self.parts.dice.one_of(&[-1, 1, 24, -24]).unwrap_or(1);
        self.notes(&format!("sets the wall clock by {hours} h"));
        self.parts.wall.jump(time::Duration::hours(hours));
    }

    fn place(&self) -> usize {
        self.parts.dice.number(0..u32::try_from(self.places).unwrap_or(1)) as usize
    }

    fn set_cut_off(&self, place: usize, is_cut: bool) {
        let (server, place) = (Host::Server, Host::Place(place));
        self.parts.network.set_cut((server, place), is_cut);
        self.parts.network.set_cut((place, server), is_cut);
    }
}

/// How long fate strikes.
pub const DAY: Duration = Duration::from_secs(70);
