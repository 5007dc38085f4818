//! Ephemeral resources: open, renew, close.

use super::guard::{caught, interruptible};
use super::import::unknown_where_computed;
use super::propose::with_defaults;
use super::shape::Shape;
use super::{Inner, convert, unknown_type, validate};
use crate::call::DeferReason;
use crate::check;
use crate::diagnostic::Diagnostics;
use crate::ephemeral::AnyEphemeral;
use crate::proto::tfplugin6 as wire;
use crate::provider::Provider;

const OPEN: &str = "OpenEphemeralResource";

impl<P: Provider> Inner<P> {
    fn ephemeral(&self, type_name: &str) -> Result<&dyn AnyEphemeral<P::Client>, Diagnostics> {
        let found = self.offers().ephemeral_resources.get(type_name);
        found.map(AsRef::as_ref).ok_or_else(|| unknown_type("ephemeral resource", type_name))
    }

    pub(super) fn validate_ephemeral(
        &self,
        request: &wire::validate_ephemeral_resource_config::Request,
    ) -> Result<wire::validate_ephemeral_resource_config::Response, Diagnostics> {
        let ephemeral = self.ephemeral(&request.type_name)?;
        let block = &ephemeral.schema().block;
        let config = convert::value(request.config.as_ref(), &block.value_type())?;
        let mut diagnostics = Diagnostics::new();
        validate::validate(block, &ephemeral.config_validators(), &config, true, &mut diagnostics);
        if !diagnostics.has_error() {
            ephemeral.validate(config, &mut diagnostics);
        }
        Ok(wire::validate_ephemeral_resource_config::Response { diagnostics: convert::diagnostics(diagnostics) })
    }

    pub(super) async fn open_ephemeral(
        &self,
        request: wire::open_ephemeral_resource::Request,
    ) -> Result<wire::open_ephemeral_resource::Response, Diagnostics> {
        let ephemeral = self.ephemeral(&request.type_name)?;
        let block = &ephemeral.schema().block;
        let kind = block.value_type();
        let config = convert::value(request.config.as_ref(), &kind)?;
        let call = self.call(request.client_capabilities, &[]);
        if self.is_deferred(call.capabilities()) {
            return Ok(wire::open_ephemeral_resource::Response {
                result: Some(convert::dynamic(&unknown_where_computed(Shape::of(block), &config), &kind)?),
                deferred: Some(convert::deferred(DeferReason::ProviderConfigUnknown)),
                ..Default::default()
            });
        }
        let opening = ephemeral.open(&call, with_defaults(Shape::of(block), &config));
        let opened = interruptible(OPEN, &request.type_name, &call, opening).await?;
        let mut diagnostics = call.take_warnings();
        let deferred = self.deferral(&request.type_name, &call, &mut diagnostics);
        if !diagnostics.has_error() {
            let violations = check::ephemeral(block, &config, &opened.result);
            diagnostics.extend(check::diagnostics(&request.type_name, "open", violations));
        }
        let result = convert::dynamic(&opened.result, &kind);
        if diagnostics.has_error() || result.is_err() {
            // Core never closes what was not opened without errors.
            let closed = caught(OPEN, &request.type_name, ephemeral.close(&call)).await;
            diagnostics.extend(closed.err().into_iter().chain(result.err()).flatten());
            return Err(diagnostics);
        }
        Ok(wire::open_ephemeral_resource::Response {
            diagnostics: convert::diagnostics(diagnostics),
            renew_at: opened.renew_at.map(convert::timestamp),
            result: result.ok(),
            private: Some(call.private().to_bytes().into()),
            deferred,
        })
    }

    pub(super) async fn renew_ephemeral(
        &self,
        request: wire::renew_ephemeral_resource::Request,
    ) -> Result<wire::renew_ephemeral_resource::Response, Diagnostics> {
        let ephemeral = self.ephemeral(&request.type_name)?;
        let call = self.call(None, request.private.as_deref().unwrap_or_default());
        let renew_at = ephemeral.renew(&call).await?;
        Ok(wire::renew_ephemeral_resource::Response {
            diagnostics: convert::diagnostics(call.take_warnings()),
            renew_at: renew_at.map(convert::timestamp),
            private: Some(call.private().to_bytes().into()),
        })
    }

    pub(super) async fn close_ephemeral(
        &self,
        request: wire::close_ephemeral_resource::Request,
    ) -> Result<wire::close_ephemeral_resource::Response, Diagnostics> {
        let ephemeral = self.ephemeral(&request.type_name)?;
        let call = self.call(None, request.private.as_deref().unwrap_or_default());
        ephemeral.close(&call).await?;
        Ok(wire::close_ephemeral_resource::Response { diagnostics: convert::diagnostics(call.take_warnings()) })
    }
}
