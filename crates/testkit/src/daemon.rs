//! A server in a folder of its own, under a shell that outlives the test's process by a moment to tidy up.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::Duration;

use tempfile::{Builder, TempDir};

use crate::system;

/// How often a starting server is looked at, and how many times before it counts as failed: a minute.
const LOOK: (Duration, u32) = (Duration::from_millis(5), 12_000);

/// See `supervisor.sh`, which explains how nothing is left behind.
pub(crate) struct Daemon {
    shell: Mutex<Shell>,
    /// Where the caller wanted the data, linked to as `data` in the folder.
    _data: Option<TempDir>,
    folder: TempDir,
    /// Whom everything belongs to and runs as, unless that is ourselves.
    user: Option<(u32, u32)>,
}

/// The supervising shell, to which orders are written a line each.
struct Shell {
    child: Child,
    /// Taken at the end: the shell stops the server when it is closed.
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    /// The server's, while it runs.
    pid: Option<u32>,
}

impl Daemon {
    /// Makes the folder and the shell, and starts nothing yet. `stop` is the signal that ends the server at once.
    pub fn new(stop: &str, command: &[impl AsRef<OsStr>], data_in: Option<&Path>) -> Self {
        let user = system::unprivileged();
        let folder = private_folder(&std::env::temp_dir());
        let data = data_in.map(private_folder);
        if let Some(data) = &data {
            give(data.path(), user);
            symlink(data.path(), folder.path().join("data")).expect("a link is made");
        }
        let log = File::create(folder.path().join("log")).expect("a log is made");
        fs::write(folder.path().join("supervisor"), include_str!("supervisor.sh"))
            .expect("a script is written");
        for path in ["log", "supervisor", ""] {
            give(&folder.path().join(path), user);
        }

        let mut shell = Command::new("sh");
        shell.args(["supervisor", stop]).args(command);
        shell.current_dir(folder.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        // Neither Ctrl-C nor a runner that kills a test's group may end it before it has tidied up.
        shell.process_group(0);
        if let Some((uid, gid)) = user {
            shell.uid(uid).gid(gid);
        }
        let mut child = shell.spawn().expect("sh runs");
        let orders = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("it is a pipe"));
        Self { shell: Mutex::new(Shell { child, orders, answers, pid: None }), _data: data, folder, user }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Adds lines to a file in the folder.
    pub fn write(&self, name: &str, lines: &[String]) {
        let path = self.folder().join(name);
        let mut file = File::options().create(true).append(true).open(&path).expect("a file is opened");
        file.write_all((lines.join("\n") + "\n").as_bytes()).expect("a file is written");
        give(&path, self.user);
    }

    /// Runs a command in the folder, as the server's user.
    pub fn run(&self, command: &str) {
        let code = self.shell().order(&format!("run {command}"));
        assert_eq!(code, "0", "{command}:\n{}", self.log());
    }

    /// Starts the server and waits until it is ready; `false` when it ended instead.
    pub fn start(&self, is_ready: impl Fn(u32) -> bool) -> bool {
        let mut shell = self.shell();
        assert_eq!(shell.pid, None, "it runs already");
        let pid = shell.order("start").parse().expect("a pid");
        for _ in 0..LOOK.1 {
            if is_ready(pid) {
                shell.pid = Some(pid);
                return true;
            }
            if system::has_ended(pid) {
                shell.order("stop");
                return false;
            }
            sleep(LOOK.0);
        }
        panic!("it is not ready:\n{}", self.log())
    }

    pub fn stop(&self) {
        let mut shell = self.shell();
        shell.order("stop");
        shell.pid = None;
    }

    /// Stops the server's processes where they are, until they are thawed.
    pub fn freeze(&self) {
        self.shell().order_running("freeze");
    }

    pub fn thaw(&self) {
        self.shell().order_running("thaw");
    }

    pub fn pid(&self) -> u32 {
        self.shell().pid.expect("it runs")
    }

    pub fn log_path(&self) -> PathBuf {
        self.folder().join("log")
    }

    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.log_path()).unwrap_or_default()).into_owned()
    }

    fn shell(&self) -> MutexGuard<'_, Shell> {
        self.shell.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shell {
    fn order(&mut self, order: &str) -> String {
        let orders = self.orders.as_mut().expect("it is taken at the end");
        writeln!(orders, "{order}").expect("the supervisor reads");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("the supervisor answers");
        answer.trim().to_owned()
    }

    fn order_running(&mut self, order: &str) {
        assert!(self.pid.is_some(), "it does not run");
        self.order(order);
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        drop(self.orders.take());
        let _ = self.child.wait();
    }
}

/// PostgreSQL insists that only its user can read what is in there.
fn private_folder(place: &Path) -> TempDir {
    let private = Permissions::from_mode(0o700);
    let folder = Builder::new().prefix("tallylight-").permissions(private).tempdir_in(place);
    folder.unwrap_or_else(|error| panic!("no folder in {}: {error}", place.display()))
}

fn give(path: &Path, user: Option<(u32, u32)>) {
    if let Some((uid, gid)) = user {
        chown(path, Some(uid), Some(gid)).expect("root gives files away");
    }
}
