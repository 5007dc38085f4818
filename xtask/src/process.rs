//! Running other programs: to the end with a useful error, or beside us until we stop them.

use std::io::Read;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

/// How much of a failed program's output goes into the error: enough for its last words.
const OUTPUT_IN_ERROR: usize = 4_000;

/// Runs the program to its end with its output on our terminal.
///
/// # Errors
/// When it cannot be started or fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let name = describe(command);
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("cannot start {name}"))?;
    if !status.success() {
        bail!("{name} failed: {status}");
    }
    Ok(())
}

/// Runs the program to its end and gives what it wrote to its standard output.
///
/// # Errors
/// When it cannot be started or fails; the error ends with the end of what it said.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let name = describe(command);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {name}"))?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let said = format!("{stdout}{}", String::from_utf8_lossy(&output.stderr));
        bail!("{name} failed: {}\n{}", output.status, tail(&said, OUTPUT_IN_ERROR));
    }
    Ok(stdout)
}

/// A program that runs beside us and is stopped when this value goes.
pub(crate) struct Background {
    child: Child,
}

impl Background {
    /// Starts the program; its standard output is ours to read, its input stays open as long as we live, its errors go nowhere.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let name = describe(command);
        let child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        Ok(Self { child })
    }

    /// Reads one line of the program's standard output.
    ///
    /// # Errors
    /// When the program ends before it has written a line, or writes one without end.
    pub(crate) fn first_line(&mut self) -> Result<String> {
        /// A handshake or a line of JSON with a handful of URLs is far below this.
        const LONGEST_LINE: usize = 64 * 1024;
        let stdout = self.child.stdout.as_mut().context("the program's output was already taken")?;
        let mut line = Vec::new();
        let mut byte = [0];
        while line.len() < LONGEST_LINE {
            if stdout.read(&mut byte).context("cannot read the program's output")? == 0 {
                bail!("the program ended before its first line");
            }
            if byte[0] == b'\n' {
                return String::from_utf8(line).context("the program's first line is not text");
            }
            line.push(byte[0]);
        }
        bail!("the program's first line is longer than {LONGEST_LINE} bytes")
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // It may have ended by itself: then there is nothing to stop.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The end of a text, at most `limit` bytes, whole characters.
pub(crate) fn tail(text: &str, limit: usize) -> &str {
    let mut start = text.len().saturating_sub(limit);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    &text[start..]
}

fn describe(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|argument| argument.to_string_lossy().into_owned()));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tail_keeps_whole_characters() {
        assert_eq!(tail("abc", 10), "abc");
        assert_eq!(tail("abc", 2), "bc");
        assert_eq!(tail("aäc", 2), "c");
    }

    #[test]
    fn a_failure_carries_the_last_words() {
        let error = output(Command::new("sh").args(["-c", "echo last words; exit 3"])).unwrap_err();
        assert!(error.to_string().contains("last words"), "{error}");
    }
}
