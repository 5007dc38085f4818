//! Calls the validators of a schema on a configuration.

use std::sync::Arc;

use super::shape::{Shape, pair, part};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::path::Path;
use crate::schema::validator::ValidateContext;
use crate::schema::{Attribute, Block, Validator};
use crate::value::Value;

/// Checks a configuration by the validators of its attributes and blocks, then by those of the whole.
pub(crate) fn validate(
    block: &Block,
    whole: &[Arc<dyn Validator>],
    config: &Value,
    allow_write_only: bool,
    diagnostics: &mut Diagnostics,
) {
    let mut walk = Walk { config, allow_write_only, diagnostics };
    walk.object(Shape::of(block), &Path::root(), config);
    let path = Path::root();
    for validator in whole {
        validator.validate(&ValidateContext { path: &path, value: config, config }, diagnostics);
    }
}

struct Walk<'a> {
    config: &'a Value,
    allow_write_only: bool,
    diagnostics: &'a mut Diagnostics,
}

impl Walk<'_> {
    fn object(&mut self, shape: Shape<'_>, path: &Path, object: &Value) {
        let Value::Object(_) = object else { return };
        for member in shape.members() {
            let path = path.attribute(member.name().clone());
            let value = part(object, member.name());
            if let super::shape::Member::Attribute(attribute) = member {
                self.attribute(attribute, &path, value);
            }
            for validator in member.validators() {
                validator.validate(&ValidateContext { path: &path, value, config: self.config }, self.diagnostics);
            }
            if let Some((nesting, inner)) = member.objects() {
                for (path, object, _) in pair(nesting, inner, &path, value, &Value::Null) {
                    self.object(inner, &path, object);
                }
            }
        }
    }

    fn attribute(&mut self, attribute: &Attribute, path: &Path, value: &Value) {
        if value.is_null() {
            return;
        }
        if attribute.write_only && !self.allow_write_only {
            self.diagnostics.error_at(
                path.clone(),
                "Write-only attribute not supported",
                format!(
                    "{path} is write-only, which needs Terraform 1.11 or OpenTofu 1.11 at least: \
                     use a newer version, or leave the attribute out."
                ),
            );
        }
        if let Some(instead) = &attribute.deprecated {
            self.diagnostics.push(Diagnostic::warning("Deprecated attribute", instead.as_ref()).at(path.clone()));
        }
    }
}
