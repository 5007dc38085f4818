//! A provider's executable, started as terraform starts it: environment, handshake line, and the schema call.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use http::uri::PathAndQuery;
use hyper_util::rt::TokioIo;
use prost::bytes::{Buf, BufMut};
use tokio::net::{TcpStream, UnixStream};
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use crate::process::Background;

/// What makes a plugin believe that terraform has started it; the same in every provider.
const COOKIE: (&str, &str) =
    ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2");

/// What terraform accepts of a schema; the largest provider stays below it.
const LARGEST_SCHEMA: usize = 64 * 1024 * 1024;

/// A running plugin; it ends with this value.
pub(crate) struct Plugin {
    process: Background,
    handshake: Handshake,
    handshake_time: Duration,
}

/// A parsed handshake line.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Handshake {
    line: String,
    protocol: u32,
    network: Network,
    address: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Network {
    Unix,
    Tcp,
}

/// What the schema call took and gave.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SchemaReply {
    /// From the call to its last byte, on an open connection.
    pub(crate) time: Duration,
    /// The message's size.
    pub(crate) bytes: usize,
}

impl Plugin {
    /// Starts the plugin without TLS and waits for its handshake.
    ///
    /// # Errors
    /// When it does not start or says something else.
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        command
            .env(COOKIE.0, COOKIE.1)
            .env("PLUGIN_MIN_PORT", "10000")
            .env("PLUGIN_MAX_PORT", "25000")
            .env("PLUGIN_PROTOCOL_VERSIONS", "5,6")
            .env_remove("PLUGIN_CLIENT_CERT");
        let start = Instant::now();
        let mut process = Background::start(command)?;
        let line = process.first_line()?;
        let handshake_time = start.elapsed();
        Ok(Self { process, handshake: Handshake::parse(&line)?, handshake_time })
    }

    /// The handshake line.
    pub(crate) fn handshake(&self) -> &str {
        &self.handshake.line
    }

    /// From the start of the process to its handshake line.
    pub(crate) fn handshake_time(&self) -> Duration {
        self.handshake_time
    }

    /// The process's resident memory in bytes.
    ///
    /// # Errors
    /// When the system does not tell.
    pub(crate) fn resident_memory(&self) -> Result<u64> {
        let status = std::fs::read_to_string(Path::new("/proc").join(self.process.id().to_string()).join("status"))
            .context("cannot read the process's status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("the status names no VmRSS")?;
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().context("VmRSS is not a number")?;
        Ok(kib * 1024)
    }

    /// Asks for the provider's schema.
    ///
    /// # Errors
    /// When the plugin cannot be reached or refuses.
    pub(crate) async fn schema(&self) -> Result<SchemaReply> {
        let mut client = Grpc::new(self.connect().await?).max_decoding_message_size(LARGEST_SCHEMA);
        client.ready().await.context("the plugin does not take calls")?;
        let path = match self.handshake.protocol {
            5 => PathAndQuery::from_static("/tfplugin5.Provider/GetSchema"),
            6 => PathAndQuery::from_static("/tfplugin6.Provider/GetProviderSchema"),
            other => bail!("protocol {other} has no schema call that is known here"),
        };
        let start = Instant::now();
        let bytes =
            client.unary(Request::new(()), path, RawBytes).await.context("the schema call failed")?.into_inner();
        Ok(SchemaReply { time: start.elapsed(), bytes })
    }

    async fn connect(&self) -> Result<Channel> {
        let Handshake { network, address, .. } = self.handshake.clone();
        // The URI is only a name: the connector below decides where the bytes go.
        let endpoint = Endpoint::from_static("http://localhost");
        let channel = match network {
            Network::Unix => {
                let connector = tower::service_fn(move |_| {
                    let address = address.clone();
                    async move { Ok::<_, std::io::Error>(TokioIo::new(UnixStream::connect(address).await?)) }
                });
                endpoint.connect_with_connector(connector).await
            }
            Network::Tcp => {
                let connector = tower::service_fn(move |_| {
                    let address = address.clone();
                    async move { Ok::<_, std::io::Error>(TokioIo::new(TcpStream::connect(address).await?)) }
                });
                endpoint.connect_with_connector(connector).await
            }
        };
        channel.context("cannot connect to the plugin")
    }
}

impl Handshake {
    fn parse(line: &str) -> Result<Self> {
        let fields: Vec<&str> = line.trim_end().split('|').collect();
        let [core, protocol, network, address, transport, ..] = fields[..] else {
            bail!("not a handshake: {line:?}");
        };
        ensure!(core == "1" && transport == "grpc", "not a handshake of a gRPC plugin: {line:?}");
        let network = match network {
            "unix" => Network::Unix,
            "tcp" => Network::Tcp,
            other => bail!("a handshake with an unknown network {other:?}"),
        };
        let protocol = protocol.parse().with_context(|| format!("a handshake without a protocol version: {line:?}"))?;
        Ok(Self { line: line.trim_end().to_owned(), protocol, network, address: address.to_owned() })
    }
}

/// An empty request; of the reply only the size counts, so it is not decoded.
#[derive(Debug, Clone, Copy)]
struct RawBytes;

impl Codec for RawBytes {
    type Encode = ();
    type Decode = usize;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for RawBytes {
    type Item = ();
    type Error = Status;

    fn encode(&mut self, (): (), buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        // An empty message has no bytes.
        buffer.put_slice(&[]);
        Ok(())
    }
}

impl Decoder for RawBytes {
    type Item = usize;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<usize>, Status> {
        let size = buffer.remaining();
        buffer.advance(size);
        Ok(Some(size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handshakes_of_both_protocols_and_networks() {
        let unix = Handshake::parse("1|6|unix|/tmp/plugin123|grpc|\n").unwrap();
        assert_eq!((unix.protocol, unix.network, unix.address.as_str()), (6, Network::Unix, "/tmp/plugin123"));
        let tcp = Handshake::parse("1|5|tcp|127.0.0.1:10000|grpc|MIIB").unwrap();
        assert_eq!((tcp.protocol, tcp.network, tcp.address.as_str()), (5, Network::Tcp, "127.0.0.1:10000"));
    }

    #[test]
    fn anything_else_is_refused() {
        for line in ["", "This binary is a plugin.", "1|6|unix|/tmp/x|netrpc|", "1|six|unix|/tmp/x|grpc|"] {
            assert!(Handshake::parse(line).is_err(), "{line:?}");
        }
    }
}
