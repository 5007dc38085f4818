//! The programs of the testbed: where they are, and how they are kept from outliving a test.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The longest that any of it takes on two loaded cores; beyond it something hangs.
const LONGEST_WAIT: Duration = Duration::from_secs(180);

/// How often a condition is looked at: soon enough to lose no time, seldom enough to leave others the core.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How much of a program's last words an error shows.
const LAST_WORDS: usize = 2_000;

/// A program that ends with this value, and with this process, however that dies.
#[derive(Debug)]
pub(super) struct Program {
    child: Child,
    log: PathBuf,
}

impl Program {
    /// A shell waits for the program, and kills it when the shell's input ends.
    const KEEPER: &str =
        "exec 3<&0; \"$@\" </dev/null & program=$!; (cat <&3 >/dev/null; kill -9 $program) & wait $program";

    /// Starts it; what it says goes into a file of `folder`.
    #[track_caller]
    pub(super) fn start(command: &mut Command, folder: &Path) -> Self {
        let name = Path::new(command.get_program()).file_name().unwrap_or_default().to_owned();
        let log = folder.join(name).with_extension("log");
        let file = File::create(&log).expect("cannot create a log");
        let mut keeper = Command::new("sh");
        keeper.args(["-c", Self::KEEPER, "sh"]).arg(command.get_program()).args(command.get_args());
        keeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(file);
        Self { child: keeper.spawn().expect("cannot run sh"), log }
    }

    /// Sees that it still runs.
    #[track_caller]
    pub(super) fn must_run(&mut self) {
        let Some(status) = self.child.try_wait().expect("cannot wait for a program") else { return };
        let said = String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned();
        let last = said.char_indices().rev().nth(LAST_WORDS).map_or(0, |(at, _)| at);
        panic!("{} ended: {status}\n{}", self.log.display(), &said[last..]);
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // It may have ended by itself: then there is nothing to wait for.
        let _ = self.child.wait();
    }
}

/// Waits until `condition` gives something.
///
/// # Panics
/// When it does not within the limit.
#[track_caller]
pub(super) fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(start.elapsed() < LONGEST_WAIT, "still no {what} after {LONGEST_WAIT:?}");
        thread::sleep(LOOK_EVERY);
    }
}

/// The folder of a program that `cargo xtask` provides: named by a variable, or in the cache folder.
#[track_caller]
pub(crate) fn provided(variable: &str, cached: &str, program: &str) -> PathBuf {
    let cached = || cache_dir().map(|cache| cache.join(cached));
    let folder = std::env::var_os(variable).map(PathBuf::from).or_else(cached);
    let folder = folder.filter(|folder| folder.join(program).exists());
    folder.unwrap_or_else(|| panic!("no {program}: `cargo xtask tools` gets it once"))
}

/// The folder into which `cargo xtask` fetches tools.
pub(crate) fn cache_dir() -> Option<PathBuf> {
    let given = std::env::var_os("MULTICLOUD_CACHE").map(PathBuf::from);
    given
        .or_else(|| std::env::var_os("XDG_CACHE_HOME").map(|dir| PathBuf::from(dir).join("multicloud")))
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache").join("multicloud")))
}

/// Addresses on loopback that nobody listens on.
pub(super) fn free_addresses<const N: usize>() -> [SocketAddr; N] {
    // All are held before any is given: no two are the same.
    let held = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").expect("no free port"));
    held.map(|listener| listener.local_addr().expect("a listener has an address"))
}
