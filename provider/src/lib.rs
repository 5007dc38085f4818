//! The Terraform and OpenTofu provider `multicloud`: what users write becomes calls of the library [`multicloud`], and
//! what the library finds becomes state, plans and diagnostics.
//!
//! One folder per resource. Each holds the model (schema and codec in one struct), the pure translations between the
//! model and the library's vocabulary, and the handlers, which alone act.

mod clouds;
mod diagnostics;
pub mod environment;

pub mod environments;
pub mod kubeconfig;
pub mod provider;

pub use clouds::Clouds;
pub use provider::MulticloudProvider;
