//! Standard output where descriptors cannot be exchanged: the handshake line is written to it, and providers must not
//! print.

use std::io::{self, Write as _};

/// The output that the CLI reads.
#[derive(Debug)]
pub(super) struct HandshakeOutput {
    output: io::Stdout,
}

impl HandshakeOutput {
    pub(super) fn take() -> io::Result<HandshakeOutput> {
        Ok(HandshakeOutput { output: io::stdout() })
    }

    /// Writes the line that the CLI waits for.
    pub(super) fn write_line(&mut self, line: &str) -> io::Result<()> {
        self.output.write_all(format!("{line}\n").as_bytes())?;
        self.output.flush()
    }
}
