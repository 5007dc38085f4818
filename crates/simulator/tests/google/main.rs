//! Google Cloud against the discovery documents that Google publishes, and against gcloud.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it has to be")]

mod client;
mod cluster;
mod compute;
mod consistency;
mod credential;
mod discovery;
mod door;
mod fault;
mod gcloud;
mod journal;
mod node_pool;
mod operation;
mod program;
mod service_usage;
mod tour;
mod world;
