//! The types that attributes hold, besides models and collections.

use super::{AttributeType, mismatch};
use crate::path::Path;
use crate::schema::AttributeKind;
use crate::value::{CodecError, Dynamic, Number, Type, Value};

/// A value of any type: an attribute whose type is `dynamic`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Any(pub Dynamic);

impl AttributeType for Any {
    fn kind() -> AttributeKind {
        AttributeKind::Type(Type::Dynamic)
    }

    fn decode(value: Value, path: &Path) -> Result<Self, CodecError> {
        match value {
            Value::Dynamic(dynamic) => Ok(Self(*dynamic)),
            other => Err(mismatch(path, "a value with its type", &other)),
        }
    }

    fn encode(&self) -> Value {
        Value::Dynamic(Box::new(self.0.clone()))
    }
}

impl AttributeType for String {
    fn kind() -> AttributeKind {
        AttributeKind::Type(Type::String)
    }

    fn decode(value: Value, path: &Path) -> Result<Self, CodecError> {
        match value {
            Value::String(text) => Ok(text),
            other => Err(mismatch(path, "a string", &other)),
        }
    }

    fn encode(&self) -> Value {
        Value::String(self.clone())
    }
}

impl AttributeType for bool {
    fn kind() -> AttributeKind {
        AttributeKind::Type(Type::Bool)
    }

    fn decode(value: Value, path: &Path) -> Result<Self, CodecError> {
        match value {
            Value::Bool(flag) => Ok(flag),
            other => Err(mismatch(path, "true or false", &other)),
        }
    }

    fn encode(&self) -> Value {
        Value::Bool(*self)
    }
}

impl AttributeType for Number {
    fn kind() -> AttributeKind {
        AttributeKind::Type(Type::Number)
    }

    fn decode(value: Value, path: &Path) -> Result<Self, CodecError> {
        match value {
            Value::Number(number) => Ok(number),
            other => Err(mismatch(path, "a number", &other)),
        }
    }

    fn encode(&self) -> Value {
        Value::Number(self.clone())
    }
}

/// Machine numbers: what they cannot hold exactly is an error, never rounded.
macro_rules! machine_number {
    ($($number:ty, $wanted:literal;)*) => {$(
        impl AttributeType for $number {
            fn kind() -> AttributeKind {
                AttributeKind::Type(Type::Number)
            }

            fn decode(value: Value, path: &Path) -> Result<Self, CodecError> {
                match value {
                    Value::Number(number) => <$number>::try_from(&number).map_err(|_| CodecError {
                        path: path.clone(),
                        message: format!(concat!($wanted, " is required, not {}"), number),
                    }),
                    other => Err(mismatch(path, $wanted, &other)),
                }
            }

            fn encode(&self) -> Value {
                Value::Number(Number::from(*self))
            }
        }
    )*};
}

machine_number! {
    i64, "a whole number of 64 bits";
    u64, "a whole number of 64 bits from 0";
    i32, "a whole number of 32 bits";
    u32, "a whole number of 32 bits from 0";
}

impl AttributeType for f64 {
    fn kind() -> AttributeKind {
        AttributeKind::Type(Type::Number)
    }

    /// Takes decimals that a double prints back as they are, such as `0.1`: any other would come out changed, and core
    /// refuses a plan that changes what is configured. Use [`Number`] for all others.
    fn decode(value: Value, path: &Path) -> Result<Self, CodecError> {
        let Value::Number(number) = &value else { return Err(mismatch(path, "a number", &value)) };
        let float = Self::try_from(number).ok();
        float.filter(|float| Number::from_f64(*float).as_ref() == Ok(number)).ok_or_else(|| CodecError {
            path: path.clone(),
            message: format!(
                "a number of at most 15 digits is required, not {number}: round it, as with \
                 tonumber(format(\"%.15g\", x))"
            ),
        })
    }

    fn encode(&self) -> Value {
        Number::from_f64(*self).map_or(Value::Null, Value::Number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_float_comes_out_as_it_went_in_or_is_refused() {
        let decode = |text: &str| f64::decode(Value::Number(text.parse().unwrap()), &Path::root());
        for text in ["0.1", "-2.5", "3", "1e-7", "123456789012345"] {
            assert_eq!(decode(text).unwrap().encode(), Value::Number(text.parse().unwrap()), "{text}");
        }
        // What a float of another provider looks like, a remainder of binary arithmetic, and too many digits.
        let remainder = format!("0.01{}3", "0".repeat(150));
        for text in ["0.1000000000000000055511151231257827021181583404541015625", &remainder, "9007199254740993"] {
            assert!(decode(text).unwrap_err().message.contains("round it"), "{text}");
        }
    }
}
