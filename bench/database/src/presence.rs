//! Heartbeats of very many viewers, without HTTP: what a beat and a viewer cost.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tallylight_bench_drivers::process::Server;
use tallylight_core::ids::{BroadcastId, ViewerId};
use tallylight_core::presence::Presence;
use tallylight_core::secret::Secret;
use tallylight_core::token::{Pass, PassKind, PlayerTokens};
use tallylight_core::viewer::Seat;

use crate::fill::id;

/// Those whose tokens are tried: as many as fit into no cache.
const BEATING: usize = 100_000;

/// Enters so many viewers, and lets some of them beat for so long on one core.
pub fn measure(viewers: usize, secs: f64) -> Result<String> {
    let (presence, tokens) = (Presence::default(), PlayerTokens::new(&Secret::new(&[7; 32]))?);
    let session_id = BroadcastId(id()?);
    let before = resident_bytes()?;
    let mut known = Vec::with_capacity(BEATING);
    for number in 0..viewers {
        let viewer = ViewerId(id()?);
        presence.enter(Seat { viewer, session_id, user_id: None, generation: 1, invitation: None }, Duration::ZERO);
        if number < BEATING {
            known.push(tokens.viewer_token(session_id, Pass { viewer, kind: PassKind::Viewer }));
        }
    }
    let kept = known.iter().map(String::capacity).sum::<usize>() + known.capacity() * size_of::<String>();
    let bytes = resident_bytes()?.saturating_sub(before + kept) / viewers;
    let (own, began, mut beats) = (Server(std::process::id().cast_signed()), Instant::now(), 0u64);
    let cpu = own.cpu();
    while began.elapsed().as_secs_f64() < secs {
        for token in &known {
            let pass = tokens.check_viewer(session_id, token).context("the token is not good")?;
            ensure!(presence.touch(session_id, pass.viewer, began.elapsed()), "the viewer is not there");
        }
        beats += known.len() as u64;
    }
    let cpu = (own.cpu() - cpu).as_secs_f64();
    let sweep = Instant::now();
    ensure!(presence.expire(Duration::from_secs(3_600), began.elapsed()).is_empty(), "nobody is late");
    let sweep = sweep.elapsed().as_secs_f64() * 1e3;
    Ok(format!(
        "viewers={viewers} beats_per_core={:.0} bytes_a_viewer={bytes} sweep_ms={sweep:.2}",
        beats as f64 / cpu
    ))
}

fn resident_bytes() -> Result<usize> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("no VmRSS")?;
    let kib: usize = line.split_whitespace().nth(1).context("no figure")?.parse()?;
    Ok(kib * 1024)
}
