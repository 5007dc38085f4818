//! Terraform, which has to be in `PATH`: its licence and its download site are the user's business.

use super::{Missing, Tool};
use crate::workspace;

/// Terraform from `PATH`.
pub(crate) fn find() -> Tool {
    match workspace::find_in_path("terraform") {
        Some(path) => Tool::Ready(path),
        None => Tool::Missing(Missing {
            name: "terraform",
            command: "install Terraform 1.11 or newer (https://developer.hashicorp.com/terraform/install)",
        }),
    }
}
