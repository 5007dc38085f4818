//! A server that says its lines: for each request that is expected, the raw reply. It ends by asserting that nothing was
//! left unasked, and nothing asked besides.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;

/// How long a request that should come may take.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);

/// One request and its reply.
pub(crate) struct Line {
    /// Method and path, with which the request line begins.
    pub(crate) request: &'static str,
    /// Status line, headers and body, as they are sent.
    pub(crate) reply: String,
}

/// A reply with a body of JSON.
#[allow(dead_code, reason = "not every test that has this module speaks JSON")]
pub(crate) fn json(status: &str, headers: &[&str], body: &str) -> String {
    reply(status, &[&["Content-Type: application/json"], headers].concat(), body)
}

/// A reply with a body.
pub(crate) fn reply(status: &str, headers: &[&str], body: &str) -> String {
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

pub(crate) struct Scripted {
    pub(crate) url: String,
    server: JoinHandle<()>,
    heard: Receiver<String>,
}

impl Scripted {
    /// Says its lines in order, one connection after the other.
    pub(crate) fn start(lines: Vec<Line>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (told, heard) = channel();
        let server = std::thread::spawn(move || {
            for line in lines {
                let (stream, _) = listener.accept().expect("a connection");
                stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
                let request = read_request(&stream);
                assert!(request.starts_with(line.request), "expected {:?}, got {request:?}", line.request);
                told.send(request).expect("somebody listens");
                // Whoever is told too much, or something that makes no sense, may hang up.
                let _ = (&stream).write_all(line.reply.as_bytes());
            }
        });
        Self { url, server, heard }
    }

    /// Waits until every line was said, and returns the requests.
    #[track_caller]
    pub(crate) fn finish(self) -> Vec<String> {
        let heard: Vec<String> = self.heard.try_iter().collect();
        if let Err(panic) = self.server.join_timeout(PATIENCE) {
            panic!("{panic} after {heard:#?}");
        }
        heard.into_iter().chain(self.heard.try_iter()).collect()
    }
}

/// Head and body of a request.
fn read_request(stream: &TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        let read = reader.read_line(&mut head).expect("a request");
        assert_ne!(read, 0, "the request ends in its head: {head:?}");
    }
    let length =
        head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).expect("a body");
    head + &String::from_utf8_lossy(&body)
}

trait JoinTimeout {
    fn join_timeout(self, patience: std::time::Duration) -> Result<(), String>;
}

impl JoinTimeout for JoinHandle<()> {
    fn join_timeout(self, patience: std::time::Duration) -> Result<(), String> {
        let began = std::time::Instant::now();
        while !self.is_finished() {
            if began.elapsed() > patience {
                return Err("a line was not asked for".to_owned());
            }
            std::thread::yield_now();
        }
        self.join().map_err(|panic| panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "a panic".to_owned()))
    }
}
