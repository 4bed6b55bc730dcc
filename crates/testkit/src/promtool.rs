//! Prometheus' own tool, which checks what is meant for Prometheus.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::system;

/// Runs promtool and hands it `input`.
///
/// # Panics
/// With what it complains about, and without it, since `scripts/install-tools` installs it.
pub fn promtool(arguments: &[&str], input: &str) {
    let mut child = Command::new(program())
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool runs; scripts/install-tools installs it");
    child.stdin.take().expect("it has an input").write_all(input.as_bytes()).expect("it reads its input");
    let output = child.wait_with_output().expect("it ends");
    let told = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (told, complained) = (told(&output.stdout), told(&output.stderr));
    assert!(output.status.success() && complained.is_empty(), "promtool {arguments:?}:\n{told}{complained}");
}

/// In the folder where `scripts/install-tools` puts it, or wherever it is installed.
fn program() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    let own = cache.map(|cache| cache.join("tallylight/promtool")).filter(|path| path.exists());
    own.unwrap_or_else(|| system::program("promtool"))
}
