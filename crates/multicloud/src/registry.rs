//! The list of backends. Whatever has to know all of them (ids, schemas, documentation, tests) walks this one.

use crate::environment::BackendKind;

/// A backend that there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Registration {
    /// Which one.
    pub kind: BackendKind,
    /// Its name in prose.
    pub title: &'static str,
    /// The form of its environments' ids.
    pub id_form: &'static str,
    /// An id of that form.
    pub id_example: &'static str,
    /// Whether users of Terraform see it.
    pub in_terraform: bool,
    /// Whether this build has it.
    pub compiled: bool,
}

/// Every backend, in the order in which they are told.
pub const BACKENDS: [Registration; 2] = [
    Registration {
        kind: BackendKind::Eks,
        title: "Amazon EKS",
        id_form: "eks/<account>/<region>/<name>",
        id_example: "eks/123456789012/us-east-1/workload-aws-east",
        in_terraform: true,
        compiled: cfg!(feature = "eks"),
    },
    Registration {
        kind: BackendKind::Memory,
        title: "in memory",
        id_form: "memory/<name>",
        id_example: "memory/workload",
        in_terraform: false,
        compiled: true,
    },
];

impl BackendKind {
    /// What the list says about it.
    pub fn registration(self) -> &'static Registration {
        match self {
            Self::Eks => &BACKENDS[0],
            Self::Memory => &BACKENDS[1],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::EnvironmentId;

    #[test]
    fn list_is_whole_and_true() {
        assert_eq!(BACKENDS.map(|backend| backend.kind), BackendKind::ALL);
        for backend in &BACKENDS {
            assert_eq!(backend.kind.registration(), backend);
            let id: EnvironmentId = backend.id_example.parse().unwrap();
            assert_eq!(id.backend(), backend.kind);
            assert_eq!(id.to_string(), backend.id_example);
            assert!(backend.id_form.starts_with(&format!("{}/", backend.kind)));
            let wrong = format!("{}/too/many/parts/in/it", backend.kind).parse::<EnvironmentId>().unwrap_err();
            assert!(wrong.to_string().contains(backend.id_form), "{wrong}");
        }
    }
}
