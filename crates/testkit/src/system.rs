//! What the machine gives: programs, a port, a user, and randomness.

use std::fs::{self, File};
use std::io::Read;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A server's program: Debian keeps the newest PostgreSQL's outside of `PATH`; others are in it.
pub(crate) fn program(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let found = versions.filter_map(|version| {
        let number: u32 = version.file_name().to_str()?.parse().ok()?;
        let path = version.path().join("bin").join(name);
        path.exists().then_some((number, path))
    });
    found.max().map_or_else(|| in_path(name), |(_, path)| path)
}

fn in_path(name: &str) -> PathBuf {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    // Debian's daemons live where only root looks.
    let folders = std::env::split_paths(&folders).chain(["/usr/sbin".into()]);
    let found = folders.map(|folder| folder.join(name)).find(|path| path.exists());
    found.unwrap_or_else(|| panic!("{name} is not installed; scripts/install-tools installs it"))
}

/// A port of 127.0.0.1 that is free now. It is below those which the kernel gives to outgoing connections: else one of
/// these, such as a client's that tries again and again, could take it while the server restarts.
pub(crate) fn free_port() -> u16 {
    let ports = std::iter::repeat_with(|| 15_000 + u16::from_le_bytes(random()) % 17_000);
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    ports.take(1000).find(is_free).expect("a port is free")
}

/// A folder in memory, where there is room to spare for one: making files there costs a tenth.
pub(crate) fn memory() -> Option<PathBuf> {
    const ENOUGH_KIB: u64 = 1 << 20;
    let folder = PathBuf::from("/dev/shm");
    let df = Command::new("df").args(["--output=avail"]).arg(&folder).output().ok()?;
    let free: u64 = String::from_utf8_lossy(&df.stdout).lines().last()?.trim().parse().ok()?;
    (free > ENOUGH_KIB).then_some(folder)
}

/// Whom servers run as when we are root, because they refuse root: the uid and gid of an unprivileged user.
pub(crate) fn unprivileged() -> Option<(u32, u32)> {
    if fs::metadata("/proc/self").expect("/proc is mounted").uid() != 0 {
        return None;
    }
    let ask = |flag, user| {
        let output = Command::new("id").args([flag, user]).output().expect("id runs");
        String::from_utf8_lossy(&output.stdout).trim().parse().ok()
    };
    let users = ["postgres", "nobody"];
    let found = users.iter().find_map(|user| Some((ask("-u", user)?, ask("-g", user)?)));
    assert!(found.is_some(), "there is neither a user postgres nor nobody");
    found
}

/// Sixteen hexadecimal digits, never the same twice.
pub(crate) fn unique() -> String {
    format!("{:016x}", u64::from_le_bytes(random()))
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .expect("/dev/urandom is read");
    bytes
}

/// Whether a process is no more, or only its exit status is.
pub(crate) fn has_ended(pid: u32) -> bool {
    let stat = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat"));
    // The state follows the command's name, which is in brackets and may contain anything.
    stat.map_or(true, |stat| stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(" Z")))
}
