//! The wire: messages and services of the plugin protocol, generated from `proto/`.
//!
//! The code is checked in, so that building needs no `protoc`; `tests/generated.rs` compares it with its source.
//! Fields of type `bytes` are [`Bytes`], which clones without copying.

pub use prost::bytes::Bytes;

/// Protocol 6.11, as Terraform 1.16 defines it: the `Provider` service and its messages.
#[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated")]
#[rustfmt::skip]
#[path = "generated/tfplugin6.rs"]
pub mod tfplugin6;

/// What every plugin process serves beside its own service: shutdown, forwarded output and the connection broker.
#[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated")]
#[rustfmt::skip]
#[path = "generated/plugin.rs"]
pub mod plugin;
