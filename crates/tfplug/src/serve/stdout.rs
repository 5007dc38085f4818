//! Keeps standard output for the handshake line.
//!
//! The first line of a plugin's output must be the handshake, and nobody reads the lines after it. A `println!` in a
//! provider or a library under it, or the output of a child process, would break the first or vanish in the second
//! case. So the real output is put aside, and what is written to descriptor 1 from then on becomes log lines.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::os::fd::AsFd as _;

/// Longer lines are logged in pieces.
const LINE_LIMIT: u64 = 8 * 1024;

/// The output that the CLI reads. It stays open as long as the process lives.
#[derive(Debug)]
pub(super) struct HandshakeOutput {
    output: File,
}

impl HandshakeOutput {
    /// Puts the real output aside and turns descriptor 1 into log lines.
    pub(super) fn take() -> io::Result<HandshakeOutput> {
        let output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        let (reader, writer) = io::pipe()?;
        rustix::stdio::dup2_stdout(&writer)?;
        // A thread rather than a task: whoever prints waits for a full pipe to drain, and that may be every worker.
        std::thread::Builder::new().name("stdout".to_owned()).spawn(move || log_lines(reader))?;
        Ok(HandshakeOutput { output })
    }

    /// Writes the line that the CLI waits for.
    pub(super) fn write_line(&mut self, line: &str) -> io::Result<()> {
        self.output.write_all(format!("{line}\n").as_bytes())?;
        self.output.flush()
    }
}

/// Runs until every writer is gone, which is the end of the process.
fn log_lines(reader: impl Read) {
    let mut reader = BufReader::new(reader);
    let mut line = Vec::new();
    loop {
        line.clear();
        match reader.by_ref().take(LINE_LIMIT).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {
                let text = String::from_utf8_lossy(&line);
                let text = text.trim_end();
                if !text.is_empty() {
                    tracing::warn!(text, "something was printed to standard output");
                }
            }
        }
    }
}
