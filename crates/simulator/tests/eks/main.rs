//! EKS and STS against the service descriptions that AWS publishes, and against the aws CLI.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it has to be")]

mod access;
mod addon;
mod binary;
mod client;
mod cluster;
mod command_line;
mod consistency;
mod description;
mod door;
mod fault;
mod idempotency;
mod journal;
mod nodegroup;
mod sts;
mod tour;
mod world;
