//! Write Terraform and OpenTofu providers in Rust: plugin protocol 6, and a typed framework on top of it.
//!
//! A provider says what it offers, as structs and traits. This crate speaks to the CLI (handshake, mutual TLS,
//! logging, interrupts), decodes every value without loss, plans, and checks every answer against core's own rules
//! before it is sent: a mistake of a provider becomes a diagnostic that names the attribute and the rule, instead of
//! "Provider produced inconsistent result".
//!
//! # A provider
//!
//! One struct is the schema, the codec and the documentation of a resource. Each field is an [`Attr`]: null, unknown
//! until apply, or known.
//!
//! ```no_run
//! use tfplug::{
//!     Attr, Call, Configure, Configured, Create, Delete, Diagnostics, Model, NoIdentity, Offers, Provider, Resource,
//!     Server, Update, async_trait,
//! };
//!
//! /// A note on the pad.
//! #[derive(Clone, Debug, Default, PartialEq, Model)]
//! struct Note {
//!     /// The text of the note.
//!     #[attribute(required, validate = [string_length(1..=140)])]
//!     text: Attr<String>,
//!     /// The note's id, which never changes.
//!     #[attribute(computed, not_null, change = never)]
//!     id: Attr<String>,
//! }
//!
//! struct Notes;
//!
//! #[async_trait]
//! impl Resource for Notes {
//!     type Client = Pad;
//!     type State = Note;
//!     type Identity = NoIdentity;
//!
//!     fn type_name(&self) -> &'static str {
//!         "pad_note"
//!     }
//!
//!     async fn create(&self, call: &Call<Pad>, create: Create<Note>) -> Result<Note, Diagnostics> {
//!         let id = call.client()?.add(&create.plan).await?;
//!         Ok(Note { id: id.into(), ..create.plan })
//!     }
//!     # async fn read(&self, _: &Call<Pad>, state: Note) -> Result<Option<Note>, Diagnostics> { Ok(Some(state)) }
//!     # async fn update(&self, _: &Call<Pad>, update: Update<Note>) -> Result<Note, Diagnostics> { Ok(update.plan) }
//!     # async fn delete(&self, _: &Call<Pad>, _: Delete<Note>) -> Result<(), Diagnostics> { Ok(()) }
//!     // … and read, update, delete
//! }
//! # /// The pad.
//! # #[derive(Clone, Debug, Default, PartialEq, Model)]
//! # struct PadConfig {}
//! # struct Pad;
//! # impl Pad { async fn add(&self, _: &Note) -> Result<String, Diagnostics> { Ok(String::new()) } }
//! # struct PadProvider;
//! # #[async_trait]
//! # impl Provider for PadProvider {
//! #     type Config = PadConfig;
//! #     type Client = Pad;
//! #     fn offers(&self, offers: &mut Offers<Pad>) { offers.resource(Notes); }
//! #     async fn configure(&self, _: Configure, _: PadConfig) -> Result<Configured<Pad>, Diagnostics> {
//! #         Ok(Configured::new(Pad))
//! #     }
//! # }
//!
//! fn main() -> std::process::ExitCode {
//!     use tfplug::serve::{Network, Options, serve};
//!     let options = Options {
//!         address: "registry.terraform.io/acme/pad",
//!         version: env!("CARGO_PKG_VERSION"),
//!         log_crates: &[env!("CARGO_CRATE_NAME")],
//!         network: Network::Auto,
//!     };
//!     serve(options, || Server::new(PadProvider))
//! }
//! ```
//!
//! The example `cabinet` is a whole provider to copy: `examples/cabinet/`. The example `large_set` prints what a set of
//! ten thousand objects costs.
//!
//! # What happens when
//!
//! | core does | this crate does | and calls |
//! | --- | --- | --- |
//! | validate | the attributes' [validators](schema::validators), at any depth | [`Resource::validate`] |
//! | refresh | keeps the state's spelling where two mean the same | [`Resource::read`] |
//! | plan | [defaults](#planning), unknowns, [plan modifiers](schema::modifiers) | [`Resource::plan`], [`Resource::plan_delete`] |
//! | apply | keeps checkpoints, cuts off what ignores an interrupt | [`Resource::create`], [`Resource::update`], [`Resource::delete`] |
//! | import | identity and id | [`Resource::import`], then [`Resource::read`] |
//! | read old state | the schema version's [`Upgrader`] | [`Resource::upgraders`] |
//!
//! # Planning
//!
//! In a plan, what the configuration sets stands as it is; what it leaves null is the default, or null, or the
//! provider's. A computed attribute is unknown in a create. In an update it keeps its value unless it can change:
//! `change = never` says that it cannot, `change = depends_on("size", ".zone")` that it does so with others, and
//! nothing that any change may change it. `not_null` lets users branch on it before it is known
//! (`count = pad_note.a.id != null ? 1 : 0`).
//!
//! # When something goes wrong
//!
//! A handler that makes an object leaves a [`Checkpoint`] as soon as the object can be found again. If the handler
//! then fails, panics, or does not end within four seconds of an interrupt, core is given that state: nothing that
//! exists is forgotten. Core taints what a failed create leaves; where the object can be mended in place, return its
//! state and [warn](Call::warn) instead.
//!
//! # Testing
//!
//! [`testing::Core`] stands in for core, in process. [`Server::check`] holds all schemas to core's rules in one call.
//! With a CLI at hand, `-debug` prints the `TF_REATTACH_PROVIDERS` to run it against a provider in a debugger.
//!
//! # Differences between CLIs
//!
//! What the calling core can do is in [`ClientCapabilities`]; its version is no guide, since OpenTofu sends its own.
//! Identity works from Terraform 1.12 and OpenTofu 1.12, write-only attributes and ephemeral resources from 1.11 of
//! both, lists, actions and generated configuration from Terraform 1.14. State stores are not offered.

extern crate self as tfplug;

/// The example of the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub mod action;
pub mod call;
pub mod check;
pub mod data_source;
pub mod diagnostic;
pub mod ephemeral;
mod erased;
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
