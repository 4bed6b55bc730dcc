//! Runs a command, such as all tests, with one PostgreSQL server that its processes share, and returns its exit code.

use std::env;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitCode};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tallylight_testkit::{Durability, Postgres, SHARED_SERVER, TEMPLATE, Template};

fn main() -> io::Result<ExitCode> {
    let command: Vec<OsString> = env::args_os().skip(1).collect();
    let Some((program, arguments)) = command.split_first() else {
        eprintln!("usage: with-postgres COMMAND [ARGUMENT]…");
        return Ok(ExitCode::from(2));
    };
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    // A server that whoever calls us brings along is used as it is.
    let postgres = env::var_os(SHARED_SERVER).is_none().then(start);
    if let Some(signal) = signals.pending().next() {
        return Ok(killed_by(signal));
    }
    let mut child = Command::new(program);
    child.args(arguments);
    if let Some((template, postgres)) = &postgres {
        child.env(TEMPLATE, template.folder()).env(SHARED_SERVER, postgres.url("postgres"));
    }
    let mut child = child.spawn()?;
    forward(signals, &child);
    let status = child.wait()?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or_else(|| killed_by(status.signal().unwrap_or_default()), ExitCode::from))
}

fn start() -> (Template, Postgres) {
    let template = Template::make();
    let postgres = Postgres::options(Durability::Fast).template(&template).start();
    (template, postgres)
}

/// Leaves it to the command when to end, so that the server outlives the tests that are still being ended.
fn forward(mut signals: Signals, child: &Child) {
    let pid = child.id();
    thread::spawn(move || {
        // The terminal sends Ctrl-C to the command itself, to which a second one would mean to end at once.
        for signal in signals.forever().filter(|signal| *signal != SIGINT) {
            let _ = Command::new("sh").arg("-c").arg(format!("kill -{signal} {pid}")).status();
        }
    });
}

/// The exit code that shells give.
fn killed_by(signal: i32) -> ExitCode {
    ExitCode::from(u8::try_from(128 + signal).unwrap_or(1))
}
