//! Where in a value something is: the address that a diagnostic points to and a replacement names.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::value::Value;

/// One step from a value to a part of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PathStep {
    /// Into an object or block, by attribute name.
    Attribute(Cow<'static, str>),
    /// Into a map, by key.
    Key(String),
    /// Into a list or tuple, by position from 0.
    Index(usize),
    /// Into a set, by the element itself. The protocol has no such step: on the wire a path ends at the set. Shared,
    /// so that the paths of all that is in an element do not each hold a copy of it.
    Element(Arc<Value>),
}

/// A path from the root of a configuration, plan or state to one value in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Path {
    steps: Vec<PathStep>,
}

impl Path {
    /// The whole object.
    pub const fn root() -> Self {
        Self { steps: Vec::new() }
    }

    /// This path and one attribute further.
    #[must_use]
    pub fn attribute(&self, name: impl Into<Cow<'static, str>>) -> Self {
        self.step(PathStep::Attribute(name.into()))
    }

    /// This path and one map key further.
    #[must_use]
    pub fn key(&self, key: impl Into<String>) -> Self {
        self.step(PathStep::Key(key.into()))
    }

    /// This path and one list position further.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.step(PathStep::Index(index))
    }

    /// This path and one set element further.
    #[must_use]
    pub fn element(&self, element: Value) -> Self {
        self.step(PathStep::Element(Arc::new(element)))
    }

    /// This path and one step further.
    #[must_use]
    pub fn step(&self, step: PathStep) -> Self {
        let mut steps = Vec::with_capacity(self.steps.len() + 1);
        steps.extend_from_slice(&self.steps);
        steps.push(step);
        Self { steps }
    }

    /// This path without its last step; `None` at the root.
    pub fn parent(&self) -> Option<Self> {
        let (_, rest) = self.steps.split_last()?;
        Some(Self { steps: rest.to_vec() })
    }

    /// The steps, from the root.
    pub fn steps(&self) -> &[PathStep] {
        &self.steps
    }

    /// Whether this is the whole object.
    pub fn is_root(&self) -> bool {
        self.steps.is_empty()
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.steps.iter().enumerate() {
            match step {
                PathStep::Attribute(name) if position == 0 => write!(f, "{name}")?,
                PathStep::Attribute(name) => write!(f, ".{name}")?,
                PathStep::Key(key) => write!(f, "[{key:?}]")?,
                PathStep::Index(index) => write!(f, "[{index}]")?,
                PathStep::Element(_) => write!(f, "[…]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn displays_as_written_in_hcl() {
        let path = Path::root().attribute("node_pools").key("system").attribute("taints").index(0).attribute("key");
        assert_eq!(path.to_string(), r#"node_pools["system"].taints[0].key"#);
        assert_eq!(Path::root().to_string(), "");
    }
}
