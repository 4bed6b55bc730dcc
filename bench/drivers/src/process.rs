//! What a server costs: CPU time and memory of its processes.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;

/// A process and all that it started.
#[derive(Debug, Clone, Copy)]
pub struct Server(pub i32);

impl Server {
    /// User and system time of the processes that live, to the nanosecond, threads that ended included.
    pub fn cpu(self) -> Duration {
        self.processes().into_iter().filter_map(cpu_of).sum()
    }

    /// Resident memory in KiB; what processes share counts once.
    pub fn memory_kib(self) -> u64 {
        self.processes().into_iter().filter_map(memory_of).sum()
    }

    fn processes(self) -> Vec<i32> {
        let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
        for pid in all_pids() {
            if let Some(parent) = parent_of(pid) {
                children.entry(parent).or_default().push(pid);
            }
        }
        let mut found = vec![self.0];
        let mut next = 0;
        while let Some(&pid) = found.get(next) {
            found.extend(children.remove(&pid).unwrap_or_default());
            next += 1;
        }
        found
    }
}

fn all_pids() -> Vec<i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn parent_of(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in brackets and may contain anything.
    let after_name = &stat[stat.rfind(')')? + 2..];
    after_name.split(' ').nth(1)?.parse().ok()
}

fn cpu_of(pid: i32) -> Option<Duration> {
    Some(clock_getcpuclockid(Pid::from_raw(pid)).ok()?.now().ok()?.into())
}

fn memory_of(pid: i32) -> Option<u64> {
    line_of(&format!("/proc/{pid}/smaps_rollup"), "Pss:")
        .or_else(|| line_of(&format!("/proc/{pid}/status"), "VmRSS:"))
}

fn line_of(file: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    text.lines().find(|line| line.starts_with(name))?.split_whitespace().nth(1)?.parse().ok()
}
