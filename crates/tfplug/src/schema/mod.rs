//! Schemas: what a provider declares of its configuration, resources and the rest.
//!
//! A schema is made by deriving [`Model`](crate::Model); these types are what the derive writes and the server reads.

pub mod documentation;
pub mod expression;
pub mod modifier;
pub mod modifiers;
mod rules;
pub mod validator;
pub mod validators;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

pub use expression::PathExpression;
pub use modifier::PlanModifier;
pub use rules::{SchemaError, SchemaUse, check_descriptions, check_provider_schemas, check_schema};
pub use validator::Validator;

use crate::value::{Type, Value};

/// A versioned block: the root of everything that has a configuration.
#[derive(Clone, Debug, Default)]
pub struct Schema {
    /// Raised by one whenever stored state needs an upgrader; from 0.
    pub version: i64,
    /// The attributes and blocks.
    pub block: Block,
}

/// Attributes and nested blocks.
#[derive(Clone, Debug, Default)]
pub struct Block {
    /// Markdown for the registry's page.
    pub description: Cow<'static, str>,
    /// Why not to use it any more, and what instead.
    pub deprecated: Option<Cow<'static, str>>,
    /// In the order of declaration.
    pub attributes: Vec<Attribute>,
    /// In the order of declaration.
    pub blocks: Vec<NestedBlock>,
}

/// A block in a block.
#[derive(Clone, Debug)]
pub struct NestedBlock {
    /// The block's type name in HCL.
    pub name: Cow<'static, str>,
    /// How many there may be, and what they are kept in.
    pub nesting: BlockNesting,
    /// The least number of blocks (lists and sets; 0 or 1 for single).
    pub min_items: u32,
    /// The largest number of blocks, 0 for no limit.
    pub max_items: u32,
    /// What is in it.
    pub block: Block,
    /// Checks of the whole block or collection of blocks.
    pub validators: Vec<Arc<dyn Validator>>,
    /// Plan modifiers of the whole block or collection of blocks.
    pub modifiers: Vec<Arc<dyn PlanModifier>>,
}

/// What repeated blocks are kept in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockNesting {
    /// At most one; null where absent.
    Single,
    /// A list.
    List,
    /// A set.
    Set,
    /// A map, by label.
    Map,
    /// Exactly one, never null: absent is an object of nulls.
    Group,
}

/// One attribute.
#[derive(Clone)]
pub struct Attribute {
    /// Its name in HCL.
    pub name: Cow<'static, str>,
    /// Its type, or the attributes nested in it.
    pub kind: AttributeKind,
    /// Who sets it.
    pub presence: Presence,
    /// Markdown: what it means, its unit, its default, what changing it does.
    pub description: Cow<'static, str>,
    /// Hidden in the CLI's output; still in state.
    pub sensitive: bool,
    /// Read from configuration only, in no plan and no state.
    pub write_only: bool,
    /// Why not to use it any more, and what instead.
    pub deprecated: Option<Cow<'static, str>>,
    /// What stands where the configuration has null.
    pub default: Option<DefaultValue>,
    /// When a computed value becomes unknown again.
    pub change: Change,
    /// Whether the provider always gives a value, so that its unknown is planned as known not to be null.
    pub not_null: bool,
    /// Checks at validate and plan.
    pub validators: Vec<Arc<dyn Validator>>,
    /// Changes to the plan, such as "replace when this changes".
    pub modifiers: Vec<Arc<dyn PlanModifier>>,
    /// Whether two values of this attribute mean the same, if not only equal ones do.
    pub same_meaning: Option<fn(&Value, &Value) -> bool>,
}

/// The default of an attribute.
#[derive(Clone)]
pub enum DefaultValue {
    /// Always this.
    Value(Value),
    /// Made anew for each plan (must be the same for the same configuration).
    Function(fn() -> Value),
}

/// What an attribute holds.
#[derive(Clone, Debug)]
pub enum AttributeKind {
    /// A value of a type.
    Type(Type),
    /// Attributes of its own.
    Nested {
        /// What they are kept in.
        nesting: Nesting,
        /// In the order of declaration.
        attributes: Vec<Attribute>,
    },
}

/// What nested attributes are kept in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nesting {
    /// One object.
    Single,
    /// A list of objects.
    List,
    /// A set of objects.
    Set,
    /// A map of objects.
    Map,
}

/// Who sets an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// The user must.
    Required,
    /// The user may; absent means null (or the default).
    Optional,
    /// Only the provider.
    Computed,
    /// The user may, else the provider.
    OptionalComputed,
}

/// When a computed attribute that the configuration leaves null becomes unknown in an update.
/// (In a create it always is.)
#[derive(Clone, Debug)]
pub enum Change {
    /// On any change of the resource.
    Any,
    /// Never: once set it stays for the object's life.
    Never,
    /// When one of these attributes changes.
    DependsOn(Vec<PathExpression>),
}

impl Presence {
    /// Whether the user may set it.
    pub const fn is_configurable(self) -> bool {
        match self {
            Self::Required | Self::Optional | Self::OptionalComputed => true,
            Self::Computed => false,
        }
    }

    /// Whether the provider may set it.
    pub const fn is_computed(self) -> bool {
        match self {
            Self::Computed | Self::OptionalComputed => true,
            Self::Required | Self::Optional => false,
        }
    }
}

impl Attribute {
    /// An attribute with nothing particular about it.
    pub fn new(name: impl Into<Cow<'static, str>>, kind: AttributeKind, presence: Presence) -> Self {
        Self {
            name: name.into(),
            kind,
            presence,
            description: Cow::Borrowed(""),
            sensitive: false,
            write_only: false,
            deprecated: None,
            default: None,
            change: Change::Any,
            not_null: false,
            validators: Vec::new(),
            modifiers: Vec::new(),
            same_meaning: None,
        }
    }
}

impl AttributeKind {
    /// The type of the values.
    pub fn value_type(&self) -> Type {
        match self {
            Self::Type(kind) => kind.clone(),
            Self::Nested { nesting, attributes } => {
                let object = object_of(attributes, &[]);
                match nesting {
                    Nesting::Single => object,
                    Nesting::List => Type::list(object),
                    Nesting::Set => Type::set(object),
                    Nesting::Map => Type::map(object),
                }
            }
        }
    }
}

impl Block {
    /// The object type that values of this block have.
    pub fn value_type(&self) -> Type {
        object_of(&self.attributes, &self.blocks)
    }

    /// The attribute of that name.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }
}

impl NestedBlock {
    /// The type of the value that this block's name stands for.
    pub fn value_type(&self) -> Type {
        let object = self.block.value_type();
        match self.nesting {
            BlockNesting::Single | BlockNesting::Group => object,
            BlockNesting::List => Type::list(object),
            BlockNesting::Set => Type::set(object),
            BlockNesting::Map => Type::map(object),
        }
    }
}

impl DefaultValue {
    /// The value.
    pub fn value(&self) -> Value {
        match self {
            Self::Value(value) => value.clone(),
            Self::Function(make) => make(),
        }
    }
}

fn object_of(attributes: &[Attribute], blocks: &[NestedBlock]) -> Type {
    let attributes = attributes.iter().map(|attribute| (attribute.name.clone(), attribute.kind.value_type()));
    Type::object(attributes.chain(blocks.iter().map(|block| (block.name.clone(), block.value_type()))))
}

impl fmt::Debug for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attribute")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .field("presence", &self.presence)
            .finish_non_exhaustive()
    }
}
