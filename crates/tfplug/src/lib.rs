//! Write Terraform and OpenTofu providers in Rust.
//!
//! The crate is the plugin protocol, version 6, and a framework on top of it. A provider says what it offers; this
//! crate speaks to the CLI, and checks every answer against core's own rules before it is sent.

extern crate self as tfplug;

pub mod action;
pub mod call;
pub mod check;
pub mod data_source;
pub mod diagnostic;
pub mod ephemeral;
pub mod function;
pub mod list;
pub mod logging;
pub mod model;
pub mod path;
pub mod proto;
pub mod provider;
pub mod resource;
pub mod schema;
pub mod serve;
mod server;
pub mod testing;
pub mod timeouts;
pub mod value;

pub use action::{Action, ActionProgress};
pub use async_trait::async_trait;
pub use call::{Call, Checkpoint, ClientCapabilities, DeferReason, PrivateState};
pub use data_source::DataSource;
pub use diagnostic::{Diagnostic, Diagnostics, Severity};
pub use ephemeral::{EphemeralResource, Opened};
pub use function::{Function, FunctionError};
pub use list::{Found, ListRequest, ListResource, Listed};
pub use model::{Any, Attr, AttributeType, GoDuration, ListOf, MapOf, Model, Set, SetOf};
pub use path::{Path, PathStep};
pub use provider::{Configure, Configured, Offers, Provider};
pub use resource::{Change, Create, Delete, ImportId, MoveSource, NoIdentity, Resource, Update, Upgrader};
pub use server::Server;
pub use tfplug_derive::{Model, StringEnum};
pub use value::{Number, Type, Value};
