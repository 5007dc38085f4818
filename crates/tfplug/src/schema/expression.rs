//! Expressions that name attributes near or far: `autoscale`, `node_pools[*].count`, `.min` (a sibling).

use std::fmt;

use crate::path::{Path, PathStep};
use crate::value::Value;

/// A pattern over paths, written in one string.
///
/// `a.b` names attributes from the root, `[*]` every element of a list, set or map, `["k"]` and `[0]` one of them.
/// An expression that begins with `.` is relative to the object around the attribute it is given for
/// (`.min` is a sibling), and each further leading `.` goes one object up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PathExpression {
    /// `None`: from the root; `Some(n)`: n objects above the attribute's own object.
    up: Option<usize>,
    steps: Vec<ExpressionStep>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum ExpressionStep {
    Attribute(String),
    Key(String),
    Index(usize),
    Every,
}

/// Why a string is no path expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no path expression: {reason} at byte {position}")]
pub struct ExpressionError {
    text: String,
    reason: &'static str,
    position: usize,
}

impl std::str::FromStr for PathExpression {
    type Err = ExpressionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = |reason, position| ExpressionError { text: text.to_owned(), reason, position };
        let dots = text.bytes().take_while(|byte| *byte == b'.').count();
        let mut steps = Vec::new();
        let mut rest = &text[dots..];
        let mut may_name = true;
        while !rest.is_empty() {
            let position = text.len() - rest.len();
            if let Some(after) = rest.strip_prefix('[') {
                let end = after.find(']').ok_or_else(|| fail("a bracket is not closed", position))?;
                let inside = &after[..end];
                steps.push(if inside == "*" {
                    ExpressionStep::Every
                } else if let Some(key) = inside.strip_prefix('"').and_then(|key| key.strip_suffix('"')) {
                    ExpressionStep::Key(key.to_owned())
                } else {
                    ExpressionStep::Index(inside.parse().map_err(|_| fail("neither *, an index nor a key", position))?)
                });
                rest = &after[end + 1..];
                may_name = false;
            } else {
                let name = match rest.strip_prefix('.') {
                    Some(after) if !may_name => after,
                    Some(_) => return Err(fail("a name is missing", position)),
                    None if may_name => rest,
                    None => return Err(fail("a dot is missing", position)),
                };
                let end = name.find(['.', '[']).unwrap_or(name.len());
                if end == 0 {
                    return Err(fail("a name is missing", position));
                }
                steps.push(ExpressionStep::Attribute(name[..end].to_owned()));
                rest = &name[end..];
                may_name = false;
            }
        }
        if steps.is_empty() {
            return Err(fail("it names nothing", 0));
        }
        Ok(Self { up: dots.checked_sub(1), steps })
    }
}

impl PathExpression {
    /// Parses an expression that is written in the provider's own code.
    ///
    /// # Panics
    /// If it is no expression: found by the first test that makes the schema.
    pub fn of(text: &str) -> Self {
        match text.parse() {
            Ok(expression) => expression,
            Err(error) => panic!("{error}"),
        }
    }

    /// Every value in `root` that this names, with its path, seen from the attribute at `from`.
    ///
    /// Attributes that do not exist name nothing. Where a value on the way is null or unknown, that value stands for
    /// what would be below it.
    pub fn resolve<'v>(&self, from: &Path, root: &'v Value) -> Vec<(Path, &'v Value)> {
        let base = match self.up {
            None => Path::root(),
            Some(up) => object_above(from, up),
        };
        root.at(&base).map(|start| self.follow(base, start)).unwrap_or_default()
    }

    /// The same for an attribute of the last of `objects`, which lead there from the root, each in the one before: so
    /// that elements of sets need not be found by their values. Without the paths.
    pub(crate) fn resolve_within<'v>(&self, objects: &[&'v Value]) -> Vec<&'v Value> {
        let start = match self.up {
            None => objects.first(),
            Some(up) => objects.len().checked_sub(up + 1).and_then(|at| objects.get(at)).or(objects.first()),
        };
        let found = start.map(|start| self.follow(Path::root(), start)).unwrap_or_default();
        found.into_iter().map(|(_, value)| value).collect()
    }

    /// Whether what it names depends on where it is asked.
    pub(crate) const fn is_relative(&self) -> bool {
        self.up.is_some()
    }

    fn follow<'v>(&self, base: Path, start: &'v Value) -> Vec<(Path, &'v Value)> {
        let mut found = vec![(base, start)];
        for step in &self.steps {
            found = found.into_iter().flat_map(|(path, value)| step_into(step, path, value)).collect();
        }
        found
    }
}

/// The path of the object that holds the attribute at `from`, or of an object `up` levels above it.
fn object_above(from: &Path, up: usize) -> Path {
    let mut remaining = up;
    let mut path = from.clone();
    loop {
        let last_is_attribute = matches!(path.steps().last(), Some(PathStep::Attribute(_)) | None);
        let Some(parent) = path.parent() else { return path };
        path = parent;
        if last_is_attribute {
            if remaining == 0 {
                return path;
            }
            remaining -= 1;
        }
    }
}

fn step_into<'v>(step: &ExpressionStep, path: Path, value: &'v Value) -> Vec<(Path, &'v Value)> {
    if value.is_null() || value.is_unknown() {
        return vec![(path, value)];
    }
    match (step, value) {
        (ExpressionStep::Attribute(name), Value::Object(attributes)) => {
            attributes.get(name).map(|inner| (path.attribute(name.clone()), inner)).into_iter().collect()
        }
        (ExpressionStep::Key(key), Value::Map(elements)) => {
            elements.get(key).map(|inner| (path.key(key.clone()), inner)).into_iter().collect()
        }
        (ExpressionStep::Index(index), Value::List(elements) | Value::Tuple(elements)) => {
            elements.get(*index).map(|inner| (path.index(*index), inner)).into_iter().collect()
        }
        (ExpressionStep::Every, Value::List(elements) | Value::Tuple(elements)) => {
            elements.iter().enumerate().map(|(index, inner)| (path.index(index), inner)).collect()
        }
        (ExpressionStep::Every, Value::Map(elements)) => {
            elements.iter().map(|(key, inner)| (path.key(key.clone()), inner)).collect()
        }
        (ExpressionStep::Every, Value::Set(elements)) => {
            elements.iter().map(|inner| (path.element(inner.clone()), inner)).collect()
        }
        _ => Vec::new(),
    }
}

impl fmt::Display for PathExpression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.steps.iter().enumerate() {
            match step {
                ExpressionStep::Attribute(name) if position == 0 => write!(f, "{name}")?,
                ExpressionStep::Attribute(name) => write!(f, ".{name}")?,
                ExpressionStep::Key(key) => write!(f, "[{key:?}]")?,
                ExpressionStep::Index(index) => write!(f, "[{index}]")?,
                ExpressionStep::Every => write!(f, "[*]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value() -> Value {
        let pool = |count: i64| Value::Object([("count".to_owned(), Value::from(count))].into());
        Value::Object(
            [
                ("name".to_owned(), Value::from("east")),
                ("pools".to_owned(), Value::Map([("a".to_owned(), pool(1)), ("b".to_owned(), pool(2))].into())),
            ]
            .into(),
        )
    }

    fn names(expression: &str, from: &Path) -> Vec<String> {
        PathExpression::of(expression).resolve(from, &value()).into_iter().map(|(path, _)| path.to_string()).collect()
    }

    #[test]
    fn names_from_the_root_and_from_the_attribute() {
        let count = Path::root().attribute("pools").key("a").attribute("count");
        assert_eq!(names("name", &count), ["name"]);
        assert_eq!(names("pools[*].count", &count), [r#"pools["a"].count"#, r#"pools["b"].count"#]);
        assert_eq!(names(r#"pools["b"].count"#, &count), [r#"pools["b"].count"#]);
        assert_eq!(names(".count", &count), [r#"pools["a"].count"#]);
        assert_eq!(names("..name", &count), ["name"]);
        assert!(names("pools.count", &count).is_empty());
    }

    #[test]
    fn refuses_what_is_no_expression() {
        for text in ["", ".", "a..b", "a[", "a[x]", "[*]b"] {
            assert!(text.parse::<PathExpression>().is_err(), "{text}");
        }
    }
}
