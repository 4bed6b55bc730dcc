//! Sends one request over and over on connections kept open, and prints what an answer costs the server.
//!
//! Without `--rate` each connection sends its next request when it has its answer. With it, requests have a timetable,
//! and latency counts from when a request was due, so that a server that stalls cannot hide it.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use hdrhistogram::Histogram;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use tallylight_bench_drivers::process::Server;

/// Sends one request over and over.
#[derive(Debug, Parser)]
struct Options {
    /// The server.
    #[arg(long, value_name = "ADDRESS:PORT")]
    address: String,
    #[arg(long, default_value = "/")]
    path: String,
    /// A header, such as `Authorization: Bearer ...`.
    #[arg(long)]
    header: Option<String>,
    /// JSON to post; without it the request is a GET.
    #[arg(long)]
    body: Option<String>,
    #[arg(long, default_value_t = 32)]
    connections: usize,
    #[arg(long, default_value_t = 5.0)]
    secs: f64,
    /// Requests a second.
    #[arg(long)]
    rate: Option<f64>,
    /// The server's process.
    #[arg(long)]
    pid: i32,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let server = Server(options.pid);
    let mut load = Load::open(&options)?;
    load.run(Duration::from_millis(300), options.rate)?;
    load.latency.reset();
    let (cpu, began) = (server.cpu(), Instant::now());
    load.run(Duration::from_secs_f64(options.secs), options.rate)?;
    let seconds = began.elapsed().as_secs_f64();
    let cpu = (server.cpu() - cpu).as_secs_f64();
    let count = load.latency.len();
    ensure!(count > 0, "no answer came");
    let quantile = |q| load.latency.value_at_quantile(q) as f64 / 1e6;
    println!(
        "cpu_us={:.2} per_second={:.0} p50_ms={:.3} p99_ms={:.3}",
        cpu * 1e6 / count as f64,
        count as f64 / seconds,
        quantile(0.5),
        quantile(0.99),
    );
    Ok(())
}

struct Load {
    epoll: Epoll,
    request: Vec<u8>,
    connections: Vec<Connection>,
    idle: Vec<usize>,
    latency: Histogram<u64>,
    buffer: Vec<u8>,
}

struct Connection {
    stream: TcpStream,
    due: Instant,
    answer: Answer,
}

impl Load {
    fn open(options: &Options) -> Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::empty())?;
        let mut connections = Vec::new();
        for index in 0..options.connections {
            let stream = TcpStream::connect(&options.address).with_context(|| options.address.clone())?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            epoll.add(&stream, EpollEvent::new(EpollFlags::EPOLLIN, index as u64))?;
            connections.push(Connection { stream, due: Instant::now(), answer: Answer::default() });
        }
        let header = options.header.as_ref().map_or(String::new(), |header| format!("{header}\r\n"));
        let Options { address, path, .. } = options;
        let request = match &options.body {
            None => format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{header}\r\n"),
            Some(body) => format!(
                "POST {path} HTTP/1.1\r\nHost: {address}\r\n{header}Content-Type: application/json\r\n\
                 Content-Length: {}\r\n\r\n{body}",
                body.len()
            ),
        };
        Ok(Self {
            epoll,
            request: request.into_bytes(),
            idle: (0..connections.len()).collect(),
            connections,
            latency: Histogram::new(3)?,
            buffer: vec![0; 256 << 10],
        })
    }

    fn run(&mut self, time: Duration, rate: Option<f64>) -> Result<()> {
        let step = rate.map(|rate| Duration::from_secs_f64(1.0 / rate));
        let began = Instant::now();
        let mut due = began;
        while began.elapsed() < time {
            let now = Instant::now();
            while let Some(step) = step
                && due <= now
                && let Some(index) = self.idle.pop()
            {
                self.send(index, due)?;
                due += step;
            }
            while step.is_none()
                && let Some(index) = self.idle.pop()
            {
                self.send(index, Instant::now())?;
            }
            // A timetable finer than a millisecond is kept by not sleeping: the driver has a core of its own.
            let wait =
                if step.is_some() && !self.idle.is_empty() { EpollTimeout::ZERO } else { 50_u8.into() };
            self.receive(wait)?;
        }
        Ok(())
    }

    fn send(&mut self, index: usize, due: Instant) -> Result<()> {
        let connection = &mut self.connections[index];
        connection.due = due;
        connection.stream.write_all(&self.request).context("a request")
    }

    fn receive(&mut self, wait: EpollTimeout) -> Result<()> {
        let mut events = [EpollEvent::empty(); 64];
        let count = self.epoll.wait(&mut events, wait)?;
        for event in &events[..count] {
            let index = event.data() as usize;
            let connection = &mut self.connections[index];
            let read = match connection.stream.read(&mut self.buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                read => read.context("an answer")?,
            };
            ensure!(read > 0, "the server closed a connection");
            if connection.answer.take(&self.buffer[..read])? {
                self.latency.record(connection.due.elapsed().as_nanos() as u64)?;
                self.idle.push(index);
            }
        }
        Ok(())
    }
}

/// An answer on its way.
#[derive(Default)]
struct Answer {
    head: Vec<u8>,
    /// Bytes of the body to come, once the head is there.
    left: Option<usize>,
}

impl Answer {
    /// Whether it is whole.
    fn take(&mut self, bytes: &[u8]) -> Result<bool> {
        let left = match self.left {
            Some(left) => left,
            None => {
                self.head.extend_from_slice(bytes);
                let Some(end) = self.head.windows(4).position(|window| window == b"\r\n\r\n") else {
                    return Ok(false);
                };
                let body = self.head.len() - end - 4;
                let left = body_length(&self.head[..end])? + bytes.len() - body;
                self.head.clear();
                left
            }
        };
        ensure!(left >= bytes.len(), "an answer is longer than it says");
        let left = left - bytes.len();
        self.left = (left > 0).then_some(left);
        Ok(left == 0)
    }
}

fn body_length(head: &[u8]) -> Result<usize> {
    let head = std::str::from_utf8(head)?.to_ascii_lowercase();
    if head.starts_with("http/1.1 204") {
        return Ok(0);
    }
    ensure!(
        head.starts_with("http/1.1 200"),
        "the server answered {}",
        head.lines().next().unwrap_or_default()
    );
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    length.context("an answer without Content-Length")?.trim().parse().context("Content-Length")
}
