//! AKS, Resource Manager and Entra's login against the models that Azure publishes, and against Azure's own SDK.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it has to be")]

mod azure_sdk;
mod client;
mod cluster;
mod consistency;
mod description;
mod door;
mod fault;
mod group;
mod journal;
mod login;
mod pool;
mod program;
mod throttle;
mod tour;
mod world;
