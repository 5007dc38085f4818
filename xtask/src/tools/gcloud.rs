//! gcloud: a client of the simulator that we did not write.

use super::{Missing, Tool};
use crate::workspace;

/// gcloud from `PATH`: its installer is not ours to run.
pub(crate) fn find() -> Tool {
    workspace::find_in_path("gcloud").map_or(
        Tool::Missing(Missing {
            name: "gcloud",
            command: "install the Google Cloud CLI: https://cloud.google.com/sdk/docs/install",
        }),
        Tool::Ready,
    )
}
