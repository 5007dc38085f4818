//! What is left of a value when nothing may be unknown any more: states and answers to a finished apply.

use super::Value;

impl Value {
    /// The same with null wherever something is unknown.
    #[must_use]
    pub fn unknown_as_null(self) -> Self {
        if self.is_wholly_known() {
            return self;
        }
        match self {
            Self::Unknown(_) => Self::Null,
            known @ (Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_)) => known,
            Self::List(elements) => Self::List(elements.into_iter().map(Self::unknown_as_null).collect()),
            Self::Tuple(elements) => Self::Tuple(elements.into_iter().map(Self::unknown_as_null).collect()),
            Self::Set(elements) => Self::Set(elements.into_iter().map(Self::unknown_as_null).collect()),
            Self::Map(elements) => {
                Self::Map(elements.into_iter().map(|(key, element)| (key, element.unknown_as_null())).collect())
            }
            Self::Object(attributes) => {
                Self::Object(attributes.into_iter().map(|(name, value)| (name, value.unknown_as_null())).collect())
            }
            Self::Dynamic(mut dynamic) => {
                dynamic.value = dynamic.value.unknown_as_null();
                if dynamic.value.is_null() { Self::Null } else { Self::Dynamic(dynamic) }
            }
        }
    }
}
