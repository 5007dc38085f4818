//! Takes write-only values out of answers: core refuses an answer that has one, and what was created is lost.

use super::shape::{Member, Shape, map_objects, part};
use crate::schema::Block;
use crate::value::Value;

/// The same state without write-only values, which core refuses in any answer.
pub(super) fn without_write_only(block: &Block, state: Value) -> Value {
    let shape = Shape::of(block);
    if has_write_only(shape) { stripped(shape, &state) } else { state }
}

fn has_write_only(shape: Shape<'_>) -> bool {
    shape.members().any(|member| {
        matches!(member, Member::Attribute(attribute) if attribute.write_only)
            || member.objects().is_some_and(|(_, inner)| has_write_only(inner))
    })
}

fn stripped(shape: Shape<'_>, state: &Value) -> Value {
    let Value::Object(values) = state else { return state.clone() };
    let mut values = values.clone();
    for member in shape.members() {
        let name = member.name();
        let value = match member {
            Member::Attribute(attribute) if attribute.write_only => Value::Null,
            Member::Attribute(_) | Member::Block(_) => match member.objects() {
                Some((nesting, inner)) => map_objects(nesting, part(state, name), |object| stripped(inner, object)),
                None => continue,
            },
        };
        values.insert(name.to_string(), value);
    }
    Value::Object(values)
}
