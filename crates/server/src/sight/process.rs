//! Figures of the process, under the names that every Prometheus client library gives them.

use procfs::process::{LimitValue, Process as Proc, Stat};
use tallylight_api::sight::{Sheet, Source};

/// Tells of this process.
pub struct Process;

impl Source for Process {
    fn tell(&self, sheet: &mut Sheet) {
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        sheet.gauge("tallylight_build_info", "The version that runs; always 1").set(version, 1.0);
        let Ok(process) = Proc::myself() else { return };
        if let Ok(stat) = process.stat() {
            tell_stat(&stat, sheet);
        }
        if let Ok(count) = process.fd_count() {
            sheet.level("process_open_fds", "Open file descriptors", count as f64);
        }
        if let Ok(limits) = process.limits()
            && let LimitValue::Value(most) = limits.max_open_files.soft_limit
        {
            sheet.level("process_max_fds", "The most open file descriptors", most as f64);
        }
    }
}

fn tell_stat(stat: &Stat, sheet: &mut Sheet) {
    let ticks = procfs::ticks_per_second() as f64;
    let cpu = (stat.utime + stat.stime) as f64 / ticks;
    sheet.counter("process_cpu_seconds_total", "CPU time in seconds, of user and system").set([], cpu);
    let resident = stat.rss as f64 * procfs::page_size() as f64;
    sheet.level("process_resident_memory_bytes", "Memory that is resident", resident);
    sheet.level("process_virtual_memory_bytes", "Memory that is addressed", stat.vsize as f64);
    sheet.level("process_threads", "Threads", stat.num_threads as f64);
    if let Ok(boot) = procfs::boot_time_secs() {
        let help = "When the process started, in seconds since 1970";
        sheet.level("process_start_time_seconds", help, boot as f64 + stat.starttime as f64 / ticks);
    }
}
