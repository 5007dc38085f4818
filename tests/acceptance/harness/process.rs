//! Programs under test: run to the end within a limit, or observed and signalled while they run.

use std::fs::{self, File};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// No step of any test takes this long on two loaded cores; beyond it the program hangs.
const LONGEST_RUN: Duration = Duration::from_secs(180);

/// How often a condition on another process is looked at: soon enough to be exact, seldom enough to leave it the core.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A program that runs, in a process group of its own, as a shell starts one.
pub(crate) struct Running {
    child: Child,
    description: String,
    stdout: PathBuf,
    stderr: PathBuf,
}

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    description: String,
}

impl Running {
    /// Starts the command; its output goes into files in `folder`.
    #[track_caller]
    pub(super) fn start(command: &mut Command, folder: &Path) -> Self {
        let description = format!("{command:?}");
        let serial = fs::read_dir(folder).expect("cannot list the output folder").count();
        let stdout = folder.join(format!("{serial}.out"));
        let stderr = folder.join(format!("{serial}.err"));
        let child = command
            .stdin(Stdio::null())
            .stdout(File::create(&stdout).expect("cannot create the output file"))
            .stderr(File::create(&stderr).expect("cannot create the error file"))
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {description}: {error}"));
        Self { child, description, stdout, stderr }
    }

    /// Waits for the end.
    ///
    /// # Panics
    /// When the program does not end within the limit.
    #[track_caller]
    pub(crate) fn finish(self) -> Outcome {
        self.finish_within(LONGEST_RUN)
    }

    /// Waits for the end, at most that long.
    #[track_caller]
    pub(crate) fn finish_within(mut self, limit: Duration) -> Outcome {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("cannot wait for the program") {
                return self.outcome(status);
            }
            if start.elapsed() > limit {
                self.signal("KILL");
                let status = self.child.wait().expect("cannot wait for the program");
                panic!("not at its end within {limit:?}: {}", self.outcome(status).transcript());
            }
            thread::sleep(LOOK_EVERY);
        }
    }

    /// Sends a signal to the whole process group, as a terminal does.
    pub(crate) fn signal(&self, signal: &str) {
        send(signal, &format!("-{}", self.child.id()));
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("cannot wait for the program").is_some()
    }

    fn outcome(&self, status: ExitStatus) -> Outcome {
        let read = |path| String::from_utf8_lossy(&fs::read(path).expect("cannot read the output")).into_owned();
        Outcome {
            status,
            stdout: read(&self.stdout),
            stderr: read(&self.stderr),
            description: self.description.clone(),
        }
    }
}

impl Outcome {
    /// Demands success.
    #[track_caller]
    pub(crate) fn succeeds(self) -> Self {
        assert!(self.status.success(), "failed: {}", self.transcript());
        self
    }

    /// Demands failure with all these words in what the user reads (line breaks and frames of the output aside).
    #[track_caller]
    pub(crate) fn fails_with(self, fragments: &[&str]) -> Self {
        assert!(!self.status.success(), "succeeded: {}", self.transcript());
        assert!(self.status.signal().is_none(), "died of a signal: {}", self.transcript());
        let said = self.diagnostics();
        for fragment in fragments {
            assert!(said.contains(fragment), "{fragment:?} is missing: {}", self.transcript());
        }
        self
    }

    /// What the user reads of errors and warnings, without the frame that is drawn around it and the breaks of its lines.
    pub(crate) fn diagnostics(&self) -> String {
        self.stderr.replace(['│', '╷', '╵'], " ").split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Everything, for the message of a failed test.
    pub(crate) fn transcript(&self) -> String {
        format!("{}\n{}\n{}\n{}", self.description, self.status, self.stdout, self.stderr)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A test that fails in the middle leaves nothing running; one that has waited for the end has nothing to stop.
        if !self.has_ended() {
            self.signal("KILL");
            let _ = self.child.wait();
        }
    }
}

/// Sends a signal to a process, or to a group when the id begins with a minus; nothing happens when it is gone.
pub(crate) fn send(signal: &str, id: &str) {
    let kill =
        Command::new("sh").args(["-c", "kill -s \"$1\" -- \"$2\"", "sh", signal, id]).stderr(Stdio::null()).status();
    kill.expect("cannot run sh");
}

/// Waits until `condition` gives something.
///
/// # Panics
/// When it does not within the limit.
#[track_caller]
pub(crate) fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(start.elapsed() < LONGEST_RUN, "still no {what} after {LONGEST_RUN:?}");
        thread::sleep(LOOK_EVERY);
    }
}
