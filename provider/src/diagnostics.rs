//! The only place where an error of the library becomes a diagnostic: what failed, why, and what to do next.

use std::error::Error as _;

use multicloud::environment::FieldSegment;
use multicloud::{BackendKind, EnvironmentId, Error, ErrorChain, ErrorKind, FieldPath, Violation};
use tfplug::{Diagnostic, Path, Severity};

/// What was to be done with an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    Create,
    Read,
    Update,
    Delete,
    Import,
    Access,
}

impl Deed {
    const fn verb(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Read => "read",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Import => "import",
            Self::Access => "reach",
        }
    }
}

/// What the cloud calls an environment.
pub(crate) const fn noun(backend: BackendKind) -> &'static str {
    match backend {
        BackendKind::Aks => "AKS cluster",
        BackendKind::Eks => "EKS cluster",
        BackendKind::Gke => "GKE cluster",
        BackendKind::Memory => "environment",
    }
}

/// An error of the library, as the user reads it.
pub(crate) fn diagnostic(
    severity: Severity,
    deed: Deed,
    name: &str,
    id: Option<&EnvironmentId>,
    error: &Error,
) -> Diagnostic {
    let violation = error.source().and_then(|source| source.downcast_ref::<Violation>());
    if let Some(violation) = violation {
        return Diagnostic { severity, ..self::violation(violation) };
    }
    let summary = format!("Unable to {} {} {name:?}", deed.verb(), noun(error.backend));
    let chain = ErrorChain(error).to_string();
    let detail = format!("{}.\n\n{}", chain.trim_end_matches('.'), next(deed, id, error.kind));
    Diagnostic { severity, summary, detail, path: None }
}

/// A mistake in a configuration, at its attribute.
pub(crate) fn violation(violation: &Violation) -> Diagnostic {
    let Violation { path, problem, remedy } = violation;
    let at = self::path(path);
    Diagnostic::error(format!("Invalid {at}"), sentence(&format!("{problem}; {remedy}"))).at(at)
}

/// The library's names of fields are those of HCL. A path ends before a key that is too long to be shown.
pub(crate) fn path(field: &FieldPath) -> Path {
    shown(field).iter().fold(Path::root(), |path, segment| match segment {
        FieldSegment::Attribute(name) => path.attribute(name.clone()),
        FieldSegment::Key(key) => path.key(key.clone()),
    })
}

/// Whether a map's key is short enough for a path that people read: longer ones are mistakes by themselves.
pub(crate) fn is_shown(key: &str) -> bool {
    /// Longer than any ARN in use.
    const KEY_MAX: usize = 512;
    key.len() <= KEY_MAX
}

fn shown(field: &FieldPath) -> &[FieldSegment] {
    let is_long = |segment: &FieldSegment| match segment {
        FieldSegment::Attribute(_) => false,
        FieldSegment::Key(key) => !is_shown(key),
    };
    let end = field.0.iter().position(is_long).unwrap_or(field.0.len());
    &field.0[..end]
}

/// A library's message as a sentence.
pub(crate) fn sentence(message: &str) -> String {
    let mut letters = message.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).chain(['.']).collect()
}

/// What the user can do about it.
fn next(deed: Deed, id: Option<&EnvironmentId>, kind: ErrorKind) -> String {
    let text = match kind {
        ErrorKind::NotOwned => return not_owned(deed, id),
        ErrorKind::NotFound => match deed {
            Deed::Import | Deed::Read | Deed::Access => {
                "Check the id, and that the provider's credentials are those of the account that it names."
            }
            Deed::Create | Deed::Update | Deed::Delete => {
                "It was deleted outside of Terraform: plan again, and it is planned anew."
            }
        },
        ErrorKind::AlreadyExists => "Choose another name, or import what exists.",
        ErrorKind::Protected => {
            "Set deletion_protection = false and apply that first; then it can be destroyed or replaced."
        }
        ErrorKind::Conflict => {
            "Something else is changing it. It was waited for as long as the timeout allows: apply again later, or \
             raise timeouts."
        }
        ErrorKind::InvalidConfig => "Change the configuration accordingly, then plan again.",
        ErrorKind::Unsupported => "Remove what is not supported from the configuration.",
        ErrorKind::Unauthenticated => {
            "Check the credentials of the provider block, of the environment and of the shared files; a session may \
             have ended."
        }
        ErrorKind::PermissionDenied => {
            "Give the role or user of these credentials the right to do that, then apply again."
        }
        ErrorKind::QuotaExceeded => "Ask the cloud for a higher quota, or delete what is not needed; then apply again.",
        ErrorKind::Throttled { .. } => "The cloud asks for fewer requests: apply again later.",
        ErrorKind::Unavailable { .. } => {
            "Check the endpoint, the proxy and the network; if they are right, the cloud does not answer at the moment."
        }
        ErrorKind::Propagating => {
            "What it needs was not usable everywhere in time. Check that it exists, such as the role and its \
             policies; if it is new, apply again."
        }
        ErrorKind::Ambiguous => "Apply again: what was done will be found by its mark, and nothing is made twice.",
        ErrorKind::TimedOut => {
            "What the cloud was told to do may still go on. Apply again to carry on with it; raise timeouts if it \
             needs longer."
        }
        ErrorKind::Cancelled => "What the cloud was told to do goes on. Apply again to carry on with it.",
        ErrorKind::NotDrained => {
            "No node was taken away. Let the pods go, such as by more replicas or a looser disruption budget, or raise the \
             pool's drain_timeout; then apply again: it goes on from there."
        }
        ErrorKind::OperationFailed => "Remove the cause, then apply again: only what is missing is done.",
        ErrorKind::Protocol => {
            "The endpoint answers as the cloud should not. Check the endpoint and the proxy; if they are right, \
             please report it as a bug of the provider."
        }
    };
    text.to_owned()
}

fn not_owned(deed: Deed, id: Option<&EnvironmentId>) -> String {
    match (deed, id) {
        (Deed::Create, Some(id)) => format!(
            "Nothing was changed. Choose another name; or, if it is to be managed here from now on, make the \
             configuration match it and import it:\n\n  \
             import {{\n    to = multicloud_environment.<name>\n    id = \"{id}\"\n  }}"
        ),
        (Deed::Import, _) => {
            "It carries another owner's mark: import it with that owner's configuration, or have the owner take the \
             mark away. Or the id names another account or region than the provider's credentials: use those of that \
             account."
                .to_owned()
        }
        (Deed::Create | Deed::Read | Deed::Update | Deed::Delete | Deed::Access, _) => {
            "Nothing was changed. If the object was replaced outside of Terraform, remove it from the state and import \
             the new one; otherwise check that owner, region and credentials of the provider are the right ones."
                .to_owned()
        }
    }
}
