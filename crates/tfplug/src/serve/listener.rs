//! The socket that the CLI connects to: bound before the handshake line names it, removed when the process ends.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How many names are tried for a free one; each that is taken belongs to a plugin that was killed.
#[cfg(unix)]
const SOCKET_NAME_ATTEMPTS: u32 = 16;

/// How many folders of killed plugins one start clears away; the next start goes on.
#[cfg(unix)]
const STALE_LIMIT: usize = 256;

/// The beginning of the names of our sockets' folders; the process id and a counter follow.
#[cfg(unix)]
const FOLDER_PREFIX: &str = "tfplug-";

/// Where a provider listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Network {
    /// A unix socket where the system has them, else TCP on loopback.
    #[default]
    Auto,
    /// TCP on loopback.
    Tcp,
}

/// A bound address, as the handshake line and the reattach variable name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    /// Path of a socket; always UTF-8 without line ends and bars.
    #[cfg(unix)]
    Unix(String),
    Tcp(SocketAddr),
}

impl Address {
    pub(super) fn network(&self) -> &'static str {
        match self {
            #[cfg(unix)]
            Address::Unix(_) => "unix",
            Address::Tcp(_) => "tcp",
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            #[cfg(unix)]
            Address::Unix(path) => f.write_str(path),
            Address::Tcp(address) => address.fmt(f),
        }
    }
}

/// A bound socket that no runtime serves yet, so that the handshake need not wait for one: the kernel queues callers.
#[derive(Debug)]
pub(super) enum Bound {
    #[cfg(unix)]
    Unix {
        listener: std::os::unix::net::UnixListener,
        file: SocketFile,
    },
    Tcp(std::net::TcpListener),
}

impl Bound {
    /// Binds where the CLI and the options want it, and falls back to where it is possible.
    ///
    /// # Errors
    ///
    /// Only if no TCP port of the range can be bound either.
    pub(super) fn bind(
        network: Network,
        socket_dir: Option<PathBuf>,
        ports: Option<RangeInclusive<u16>>,
    ) -> io::Result<(Bound, Address)> {
        #[cfg(unix)]
        if network == Network::Auto {
            // Socket paths end at about 108 bytes (104 on macOS), and temporary folders may be longer than that.
            let wanted = socket_dir.unwrap_or_else(std::env::temp_dir);
            for dir in [wanted, PathBuf::from("/tmp")] {
                match bind_unix(&dir) {
                    Ok((listener, file)) => {
                        let address = Address::Unix(file.path.clone());
                        return Ok((Bound::Unix { listener, file }, address));
                    }
                    Err(error) => tracing::debug!(dir = %dir.display(), %error, "no socket can be made here"),
                }
            }
        }
        #[cfg(not(unix))]
        let _ = (network, socket_dir);
        let listener = bind_tcp(ports)?;
        let address = Address::Tcp(listener.local_addr()?);
        Ok((Bound::Tcp(listener), address))
    }

    /// The folder that holds the folders of sockets, where this is one.
    pub(super) fn sockets_dir(&self) -> Option<PathBuf> {
        match self {
            #[cfg(unix)]
            Bound::Unix { file, .. } => file.dir.parent().map(PathBuf::from),
            Bound::Tcp(_) => None,
        }
    }

    /// Hands the socket to the runtime.
    pub(super) fn into_listener(self) -> io::Result<Listener> {
        Ok(match self {
            #[cfg(unix)]
            Bound::Unix { listener, file } => {
                listener.set_nonblocking(true)?;
                Listener::Unix { listener: tokio::net::UnixListener::from_std(listener)?, _file: file }
            }
            Bound::Tcp(listener) => {
                listener.set_nonblocking(true)?;
                Listener::Tcp(tokio::net::TcpListener::from_std(listener)?)
            }
        })
    }
}

/// Accepts callers. Dropping it closes the socket and removes its file.
#[derive(Debug)]
pub(super) enum Listener {
    #[cfg(unix)]
    Unix {
        listener: tokio::net::UnixListener,
        _file: SocketFile,
    },
    Tcp(tokio::net::TcpListener),
}

impl Listener {
    pub(super) async fn accept(&self) -> io::Result<Stream> {
        match self {
            #[cfg(unix)]
            Listener::Unix { listener, .. } => Ok(Stream::Unix(listener.accept().await?.0)),
            Listener::Tcp(listener) => {
                let stream = listener.accept().await?.0;
                // Requests are small and answered at once: never wait to fill a packet.
                stream.set_nodelay(true)?;
                Ok(Stream::Tcp(stream))
            }
        }
    }
}

/// One caller.
#[derive(Debug)]
pub(super) enum Stream {
    #[cfg(unix)]
    Unix(tokio::net::UnixStream),
    Tcp(tokio::net::TcpStream),
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            #[cfg(unix)]
            Stream::Unix(stream) => Pin::new(stream).poll_read(cx, buffer),
            Stream::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            #[cfg(unix)]
            Stream::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
            Stream::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            #[cfg(unix)]
            Stream::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Stream::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            #[cfg(unix)]
            Stream::Unix(stream) => stream.is_write_vectored(),
            Stream::Tcp(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            #[cfg(unix)]
            Stream::Unix(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Tcp(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            #[cfg(unix)]
            Stream::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// The file of a unix socket in a folder of its own; both are removed with the value.
#[cfg(unix)]
#[derive(Debug)]
pub(super) struct SocketFile {
    dir: PathBuf,
    path: String,
}

#[cfg(unix)]
impl Drop for SocketFile {
    fn drop(&mut self) {
        // What is gone already is what was wanted.
        let _ = std::fs::remove_file(&self.path);
        let _ = std::fs::remove_dir(&self.dir);
    }
}

#[cfg(unix)]
fn bind_unix(parent: &std::path::Path) -> io::Result<(std::os::unix::net::UnixListener, SocketFile)> {
    use std::fs::{DirBuilder, Permissions, set_permissions};
    use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
    use std::os::unix::net::UnixListener;

    let parent = std::path::absolute(parent)?;
    if parent.to_str().is_none_or(|parent| parent.contains(['|', '\n', '\r'])) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the handshake line cannot hold the folder's name"));
    }
    let pid = std::process::id();
    let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
    for attempt in 0..SOCKET_NAME_ATTEMPTS {
        // A plugin that was killed leaves its folder, and its pid comes round again.
        let dir = parent.join(format!("{FOLDER_PREFIX}{pid}-{attempt}"));
        // A socket is open to others between `bind` and a change of its mode; in a folder of our own it never is.
        match DirBuilder::new().mode(0o700).create(&dir) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                last = error;
                continue;
            }
            Err(error) => return Err(error),
        }
        let socket = dir.join("socket");
        let file = SocketFile { path: socket.display().to_string(), dir };
        let listener = UnixListener::bind(&socket)?;
        set_permissions(&socket, Permissions::from_mode(0o600))?;
        return Ok((listener, file));
    }
    Err(last)
}

/// Removes what plugins left that were killed. Whatever is not certainly theirs, or cannot be removed, stays.
#[cfg(unix)]
pub(super) fn remove_stale(sockets_dir: &std::path::Path) {
    let Ok(entries) = sockets_dir.read_dir() else { return };
    let stale = entries.flatten().map(|entry| entry.path()).filter(|dir| is_stale(dir));
    for dir in stale.take(STALE_LIMIT) {
        let _ = std::fs::remove_file(dir.join("socket"));
        let _ = std::fs::remove_dir(dir);
    }
}

#[cfg(not(unix))]
pub(super) fn remove_stale(_: &std::path::Path) {}

/// Its process does not run, and nobody listens either: the process may be of another container.
#[cfg(unix)]
fn is_stale(dir: &std::path::Path) -> bool {
    let name = dir.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_prefix(FOLDER_PREFIX));
    let pid = name.and_then(|name| name.split('-').next()).and_then(|pid| pid.parse().ok());
    let Some(pid) = pid.and_then(rustix::process::Pid::from_raw) else { return false };
    rustix::process::test_kill_process(pid) == Err(rustix::io::Errno::SRCH)
        && std::os::unix::net::UnixStream::connect(dir.join("socket"))
            .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

fn bind_tcp(ports: Option<RangeInclusive<u16>>) -> io::Result<std::net::TcpListener> {
    let bind = |port| std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let Some(ports) = ports else { return bind(0) };
    // Plugins that start together would all try the same ports in turn; starting from the process id spreads them.
    let count = u32::from(*ports.end() - *ports.start()) + 1;
    let first = std::process::id() % count;
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for offset in 0..count {
        let port = u32::from(*ports.start()) + (first + offset) % count;
        // `port` is at most the range's end.
        match u16::try_from(port).map_err(io::Error::other).and_then(bind) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_socket_is_its_owners_alone_and_goes_with_the_listener() {
        let dir = tempfile::tempdir().unwrap();
        let (bound, address) = Bound::bind(Network::Auto, Some(dir.path().into()), None).unwrap();
        let path = PathBuf::from(address.to_string());
        assert_eq!(address.network(), "unix");
        assert!(path.starts_with(dir.path()));
        let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        drop(bound);
        assert_eq!(dir.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn what_killed_plugins_left_is_cleared_away() {
        let dir = tempfile::tempdir().unwrap();
        let folder = |name: &str, listens: bool| {
            let folder = dir.path().join(name);
            std::fs::create_dir(&folder).unwrap();
            let listener = std::os::unix::net::UnixListener::bind(folder.join("socket")).unwrap();
            (folder, listens.then_some(listener))
        };
        // No process has the largest id that the kernel can be set to.
        let killed = folder("tfplug-4194304-0", false);
        let kept = [
            folder("tfplug-4194304-1", true),
            folder(&format!("tfplug-{}-9", std::process::id()), false),
            folder("other-4194304-0", false),
            folder("tfplug-x", false),
        ];
        remove_stale(dir.path());
        assert!(!killed.0.exists());
        for (folder, _listener) in kept {
            assert!(folder.exists(), "{}", folder.display());
        }
    }

    #[test]
    fn a_name_that_is_taken_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let bind = || Bound::bind(Network::Auto, Some(dir.path().into()), None).unwrap();
        let (first, second) = (bind(), bind());
        assert_ne!(first.1, second.1);
    }

    #[test]
    fn folders_that_cannot_hold_a_socket_fall_back() {
        let dir = tempfile::tempdir().unwrap();
        let long = dir.path().join("x".repeat(120));
        let barred = dir.path().join("a|b");
        std::fs::create_dir(&long).unwrap();
        std::fs::create_dir(&barred).unwrap();
        for unusable in [long, barred, dir.path().join("missing")] {
            let (_bound, address) = Bound::bind(Network::Auto, Some(unusable), None).unwrap();
            assert!(address.to_string().starts_with("/tmp/tfplug-"), "{address}");
        }
    }

    #[test]
    fn tcp_stays_in_its_range_and_passes_over_taken_ports() {
        // Two free neighbours, of which one gets taken; above the ports that the system gives out by itself.
        let (taken, free) = (61_000..65_000)
            .find_map(|port| {
                let first = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()?;
                std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port + 1)).ok()?;
                Some((first, port + 1))
            })
            .unwrap();
        let (_bound, address) = Bound::bind(Network::Tcp, None, Some(free - 1..=free)).unwrap();
        assert_eq!(address, Address::Tcp((Ipv4Addr::LOCALHOST, free).into()));
        drop(taken);
    }

    #[test]
    fn a_range_without_free_ports_is_an_error() {
        let taken = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = Bound::bind(Network::Tcp, None, Some(port..=port)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }
}
