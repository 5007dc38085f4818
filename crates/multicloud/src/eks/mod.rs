//! Amazon Elastic Kubernetes Service.

mod spec;

pub use spec::{EksAddon, EksChange, EksObserved, EksSpec};
