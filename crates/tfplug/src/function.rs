//! Functions: pure computations that HCL calls as `provider::name::function(…)`.

use crate::erased::Erased;
use crate::model::{AttributeType, Model};
use crate::path::{Path, PathStep};
use crate::schema::Schema;
use crate::value::{Type, Value};

/// A function. It must give the same result for the same arguments: core compares plan and apply.
pub trait Function: Send + Sync + 'static {
    /// The parameters, in the order of the struct's fields: a required field takes no null, an optional one does.
    type Arguments: Model;
    /// The result.
    type Output: AttributeType;

    /// The name, without the provider.
    fn name(&self) -> &'static str;

    /// One line on what it does. What the struct of arguments says is the description.
    fn summary(&self) -> &'static str;

    /// Whether the last parameter, a list, takes any number of arguments.
    fn is_variadic(&self) -> bool {
        false
    }

    /// Computes. Arguments are wholly known.
    ///
    /// # Errors
    /// The arguments are not acceptable.
    fn call(&self, arguments: Self::Arguments) -> Result<Self::Output, FunctionError>;
}

/// Why a function gives no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionError {
    /// What is wrong and what to do.
    pub text: String,
    /// The position of the argument at fault, from 0.
    pub argument: Option<usize>,
}

impl FunctionError {
    /// An error of one argument.
    pub fn argument(position: usize, text: impl Into<String>) -> Self {
        Self { text: text.into(), argument: Some(position) }
    }

    /// An error of the whole call.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), argument: None }
    }
}

pub(crate) trait AnyFunction: Send + Sync {
    fn summary(&self) -> &'static str;
    fn is_variadic(&self) -> bool;
    /// The parameters, as attributes of a block.
    fn parameters(&self) -> &Schema;
    fn output(&self) -> Type;
    /// `arguments`: one value for each parameter, a variadic one as a list.
    fn call(&self, arguments: Vec<Value>) -> Result<Value, FunctionError>;
}

impl<F: Function> Erased<F> {
    /// The position of the argument that a path leads into; those of a variadic parameter count one by one.
    fn position(&self, path: &Path) -> Option<usize> {
        let Some((PathStep::Attribute(name), rest)) = path.steps().split_first() else { return None };
        let attributes = &self.parameters().block.attributes;
        let at = attributes.iter().position(|attribute| attribute.name == *name)?;
        match rest.first() {
            Some(PathStep::Index(index)) if self.offered.is_variadic() && at + 1 == attributes.len() => {
                Some(at + index)
            }
            _ => Some(at),
        }
    }
}

impl<F: Function> AnyFunction for Erased<F> {
    fn summary(&self) -> &'static str {
        self.offered.summary()
    }

    fn is_variadic(&self) -> bool {
        self.offered.is_variadic()
    }

    fn parameters(&self) -> &Schema {
        self.schema_or(F::Arguments::schema)
    }

    fn output(&self) -> Type {
        F::Output::kind().value_type()
    }

    fn call(&self, arguments: Vec<Value>) -> Result<Value, FunctionError> {
        let attributes = &self.parameters().block.attributes;
        let values = attributes.iter().map(|attribute| attribute.name.to_string()).zip(arguments).collect();
        let arguments = F::Arguments::from_value(Value::Object(values), &Path::root())
            .map_err(|error| FunctionError { text: error.message, argument: self.position(&error.path) })?;
        Ok(self.offered.call(arguments)?.encode())
    }
}
