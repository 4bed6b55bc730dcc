//! Many subscribers of one topic, one publisher: what a delivery costs the server, how long it takes, and what a
//! connection takes that is only there.
//!
//! `--protocol plain`: whoever connects to `/sub` gets what comes on `/pub`. `--protocol live`: our own; a broadcast is
//! made, each subscriber joins it, binds its viewer to its connection and answers pings, and events are logged over
//! HTTP. An event's envelope is in the cost.

use std::io::Write;
use std::net::{SocketAddrV4, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::{Parser, ValueEnum};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde_json::json;
use tallylight_bench_drivers::api::{post, post_with, register, text};
use tallylight_bench_drivers::fleet::Fleet;
use tallylight_bench_drivers::process::Server;
use tallylight_bench_drivers::publisher::{Publisher, Way};
use tallylight_bench_drivers::socket::FarEnd;
use tallylight_bench_drivers::websocket::{TEXT, frame};
use url::Url;

const WARM_UP: Duration = Duration::from_secs(1);
/// How long the last payloads may take to arrive.
const DRAIN: Duration = Duration::from_secs(15);
/// How long a reader that stalls is waited for, in all.
const STALLED_AT_MOST: Duration = Duration::from_secs(60);
/// How often that reader is looked at, and sends a sign of life.
const LOOK: Duration = Duration::from_millis(250);
/// How many viewers join at the same time.
const CALLERS: usize = 16;
const REHEARSING: usize = 1_000;

/// Measures fan-out to many subscribers.
#[derive(Debug, Parser)]
struct Options {
    /// The server.
    #[arg(long, value_name = "ADDRESS:PORT")]
    address: SocketAddrV4,
    #[arg(long, value_enum)]
    protocol: Protocol,
    #[arg(long)]
    subscribers: usize,
    /// Payloads a second.
    #[arg(long)]
    rate: f64,
    /// Bytes of a payload.
    #[arg(long, default_value_t = 200)]
    size: usize,
    #[arg(long, default_value_t = 5.0)]
    secs: f64,
    /// Seconds in which nothing is sent, before memory is looked at.
    #[arg(long, default_value_t = 1.0)]
    idle: f64,
    /// One more subscriber, who never reads; publishing goes on until the server closes it.
    #[arg(long)]
    stalled: bool,
    /// The server's process.
    #[arg(long)]
    pid: i32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Protocol {
    Plain,
    Live,
}

fn main() -> Result<()> {
    let options = Options::parse();
    raise_descriptors()?;
    let server = Server(options.pid);
    let topic = Topic::make(&options, server)?;
    let joined = server.memory_kib();
    let (mut fleet, stalled) = connect(&options, &topic)?;
    let quiet = server.cpu();
    be_idle(&options, &mut fleet)?;
    let quiet = (server.cpu() - quiet).as_secs_f64() * 1e3 / options.idle;
    let there = server.memory_kib();
    // A connection that waited all the while would be cut.
    let publisher = Publisher::connect(options.address, topic.way).context("the publisher")?;
    let mut load = Load { options: &options, fleet, publisher, stalled, number: 0 };
    let per_connection = |kib: u64| kib as f64 * 1_024.0 / options.subscribers as f64;
    println!(
        "{} idle_ms={quiet:.1} connection_b={:.0} memory_b={:.0}",
        load.measure(server)?,
        per_connection(there.saturating_sub(joined)),
        per_connection(there.saturating_sub(topic.alone)),
    );
    Ok(())
}

/// As many as the hard limit allows.
fn raise_descriptors() -> Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).context("the limit of open files")
}

/// What is subscribed to.
struct Topic {
    path: &'static str,
    /// What each subscriber says once connected.
    hellos: Vec<String>,
    way: Way,
    /// KiB of the server before it knew any of the subscribers.
    alone: u64,
}

impl Topic {
    fn make(options: &Options, server: Server) -> Result<Self> {
        // One more for the reader that stalls.
        let count = options.subscribers + 1;
        if options.protocol == Protocol::Plain {
            let hellos = vec![String::new(); count];
            return Ok(Self { path: "/sub", hellos, way: Way::Frames("/pub"), alone: server.memory_kib() });
        }
        let url = Url::parse(&format!("http://{}", options.address))?;
        let token = register(&url)?;
        let made = post(&url, "/api/broadcasts", Some(&token), &json!({ "title": "Launch day" }))?;
        let session = text(&made, "/id")?.to_owned();
        rehearse(&url, &token)?;
        let alone = server.memory_kib();
        let hellos = join(&url, &session, count)?;
        Ok(Self { path: "/api/live", hellos, way: Way::Events { session, token }, alone })
    }
}

/// Viewers join another broadcast, which then ends: what the server keeps from the first on, such as the buffers of its
/// database, is no viewer's.
fn rehearse(url: &Url, token: &str) -> Result<()> {
    let made = post(url, "/api/broadcasts", Some(token), &json!({ "title": "Rehearsal" }))?;
    let id = text(&made, "/id")?;
    join(url, id, REHEARSING)?;
    let address = url.join(&format!("/api/broadcasts/{id}"))?;
    let request = ureq::patch(address.as_str()).header("Authorization", format!("Bearer {token}"));
    request.send_json(json!({ "status": "ended" })).context("the end of the rehearsal")?;
    Ok(())
}

/// Joins so many viewers; what each says to connect, to subscribe, and to be bound to the connection.
fn join(url: &Url, session: &str, count: usize) -> Result<Vec<String>> {
    let join_some = |count: usize| -> Result<Vec<String>> {
        let agent = ureq::Agent::new_with_defaults();
        let hello = || {
            let joined =
                post_with(&agent, url, &format!("/api/broadcasts/{session}/join"), (None, &json!({})))?;
            let token = text(&joined, "/viewer_token")?;
            let subscribe =
                json!({ "id": 2, "subscribe": { "channel": format!("session:{session}"), "token": token } });
            Ok(format!("{{\"connect\":{{}},\"id\":1}}\n{subscribe}"))
        };
        (0..count).map(|_| hello()).collect()
    };
    thread::scope(|scope| {
        let shares = (0..CALLERS).map(|caller| (count + caller) / CALLERS);
        let callers: Vec<_> = shares.map(|share| scope.spawn(move || join_some(share))).collect();
        let mut hellos = Vec::with_capacity(count);
        for caller in callers {
            hellos.extend(caller.join().expect("a caller panicked")?);
        }
        Ok(hellos)
    })
}

fn connect(options: &Options, topic: &Topic) -> Result<(Fleet, Option<Stalled>)> {
    let mut fleet = Fleet::new(options.address)?;
    let (last, others) = topic.hellos.split_last().context("nobody subscribes")?;
    for hello in others {
        fleet.add(topic.path, hello.as_bytes())?;
    }
    let stalled = match options.stalled {
        true => Some(Stalled::new(fleet.stalled(topic.path, last.as_bytes())?)?),
        false => None,
    };
    Ok((fleet, stalled))
}

/// Nothing is published; pings are answered.
fn be_idle(options: &Options, fleet: &mut Fleet) -> Result<()> {
    let (began, time) = (Instant::now(), Duration::from_secs_f64(options.idle));
    while began.elapsed() < time {
        fleet.receive(20_u8.into())?;
    }
    if options.protocol == Protocol::Live {
        let (subscribed, wanted) = (fleet.subscribed, fleet.len());
        ensure!(subscribed == wanted, "{subscribed} of {wanted} are subscribed");
    }
    Ok(())
}

struct Load<'a> {
    options: &'a Options,
    fleet: Fleet,
    publisher: Publisher,
    stalled: Option<Stalled>,
    number: u32,
}

impl Load<'_> {
    fn measure(&mut self, server: Server) -> Result<String> {
        self.publish_for(WARM_UP)?;
        self.drain()?;
        self.fleet.arrivals.reset();
        let (cpu, began, sent) = (server.cpu(), Instant::now(), self.number);
        self.publish_for(Duration::from_secs_f64(self.options.secs))?;
        self.drain()?;
        let (cpu, seconds) = ((server.cpu() - cpu).as_secs_f64(), began.elapsed().as_secs_f64());
        let arrivals = &self.fleet.arrivals;
        let wanted = (self.number - sent) as usize * self.fleet.len();
        ensure!(arrivals.count == wanted, "{} arrived of {wanted}", arrivals.count);
        let each = |q| arrivals.each.value_at_quantile(q) as f64 / 1e6;
        let mut line = format!(
            "cpu_us={:.3} last_ms={:.2} p50_ms={:.2} p99_ms={:.2} per_second={:.0}",
            cpu * 1e6 / wanted as f64,
            arrivals.last.value_at_quantile(0.5) as f64 / 1e6,
            each(0.5),
            each(0.99),
            wanted as f64 / seconds,
        );
        line += &self.wait_for_close(began)?;
        Ok(line)
    }

    /// By a timetable, so that a server that is late does not get less to do.
    fn publish_for(&mut self, time: Duration) -> Result<()> {
        let step = Duration::from_secs_f64(1.0 / self.options.rate);
        let began = Instant::now();
        let mut due = began;
        while due < began + time {
            if due <= Instant::now() {
                let payload = self.fleet.payload(self.number, self.options.size);
                self.publisher.publish(&payload);
                self.number += 1;
                due += step;
            }
            self.turn(due)?;
        }
        Ok(())
    }

    fn drain(&mut self) -> Result<()> {
        let until = Instant::now() + DRAIN;
        while !self.fleet.arrivals.are_whole(self.number) && Instant::now() < until {
            self.turn(until)?;
        }
        Ok(())
    }

    /// Goes on with all connections, for 20 ms or until something is due.
    fn turn(&mut self, due: Instant) -> Result<()> {
        self.publisher.advance()?;
        let wait = due.saturating_duration_since(Instant::now()).as_millis().min(20) as u8;
        self.fleet.receive(wait.into())?;
        if let Some(stalled) = &mut self.stalled {
            stalled.look();
        }
        Ok(())
    }

    /// What is still open when patience ends counts as closed then.
    fn wait_for_close(&mut self, began: Instant) -> Result<String> {
        loop {
            let Some(stalled) = &self.stalled else { return Ok(String::new()) };
            if stalled.closed.is_some() || began.elapsed() > STALLED_AT_MOST {
                let end = stalled.closed.unwrap_or_else(Instant::now);
                let waited = end.saturating_duration_since(stalled.full_since).as_secs_f64();
                return Ok(format!(" closed_s={waited:.1} held_kib={}", stalled.held >> 10));
            }
            self.publish_for(Duration::from_secs(1))?;
        }
    }
}

/// A subscriber who never reads, as the kernel sees it at the server's end.
struct Stalled {
    far: FarEnd,
    stream: TcpStream,
    held: u64,
    /// When the kernel took something for it for the last time; what came later waits in the server.
    full_since: Instant,
    looked: Instant,
    closed: Option<Instant>,
}

impl Stalled {
    fn new(stream: TcpStream) -> Result<Self> {
        let far = FarEnd::new(stream.peer_addr()?, stream.local_addr()?)?;
        let now = Instant::now();
        Ok(Self { far, stream, held: 0, full_since: now, looked: now, closed: None })
    }

    fn look(&mut self) {
        let now = Instant::now();
        // The kernel's table is long.
        if self.closed.is_some() || now.duration_since(self.looked) < LOOK {
            return;
        }
        self.looked = now;
        // It answers pings without having read them: being told apart from one who is gone is the harder case.
        let _ = (&self.stream).write(&frame(TEXT, b"{}"));
        match self.far.unread() {
            None => self.closed = Some(now),
            Some(held) if held > self.held => (self.held, self.full_since) = (held, now),
            Some(_) => {}
        }
    }
}
