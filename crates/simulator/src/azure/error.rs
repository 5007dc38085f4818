//! How Azure says no. There are two layers with a form each: Resource Manager, the gateway before all services, wraps its
//! error in `error`; AKS's own errors are flat, with a `subcode` (as in microsoft/tyger#121 and in recordings of the CLI).

use serde_json::{Value, json};

use super::Answer;

/// Who refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layer {
    Gateway,
    Service,
}

/// An error of Azure.
#[derive(Clone, Debug)]
pub(super) struct ArmError {
    pub(super) code: &'static str,
    pub(super) status: u16,
    pub(super) message: String,
    layer: Layer,
    target: Option<String>,
    details: Vec<Value>,
    headers: Vec<(&'static str, String)>,
}

impl ArmError {
    fn new(layer: Layer, status: u16, code: &'static str, message: impl Into<String>) -> ArmError {
        ArmError {
            code,
            status,
            message: message.into(),
            layer,
            target: None,
            details: Vec::new(),
            headers: Vec::new(),
        }
    }

    /// Of Resource Manager.
    pub(super) fn gateway(status: u16, code: &'static str, message: impl Into<String>) -> ArmError {
        ArmError::new(Layer::Gateway, status, code, message)
    }

    /// Of AKS.
    pub(super) fn service(status: u16, code: &'static str, message: impl Into<String>) -> ArmError {
        ArmError::new(Layer::Service, status, code, message)
    }

    pub(super) fn invalid_parameter(target: &str, message: impl Into<String>) -> ArmError {
        ArmError::service(400, "InvalidParameter", message).target(target)
    }

    pub(super) fn bad_request(message: impl Into<String>) -> ArmError {
        ArmError::service(400, "BadRequest", message)
    }

    pub(super) fn unchangeable(property: &str) -> ArmError {
        let message = format!("Changing property '{property}' is not allowed.");
        ArmError::service(400, "PropertyChangeNotAllowed", message).target(property)
    }

    /// Another operation runs: words of Azure/azure-workload-identity#417 and cilium/cilium#25944. `blocking` is what runs,
    /// as `nodepool1 - Updating`.
    pub(super) fn busy(blocking: &str) -> ArmError {
        ArmError::service(
            409,
            "OperationNotAllowed",
            format!(
                "Operation is not allowed: Another operation ({blocking}) is in progress, please wait for it to finish \
                 before starting a new operation. See https://aka.ms/aks-pending-operation for more details"
            ),
        )
    }

    /// A write of AKS's own came in between: microsoft/retina#1212.
    pub(super) fn etag_race() -> ArmError {
        let message = "Operation is not allowed: Another operation is in progress. Please wait for it to finish before \
                       starting a new operation.";
        ArmError::service(409, "EtagMismatch", message).detail(json!({
            "code": "Unspecified",
            "message": "rpc error: code = FailedPrecondition desc = Etag mismatched",
        }))
    }

    pub(super) fn precondition(message: impl Into<String>) -> ArmError {
        ArmError::service(412, "PreconditionFailed", message)
    }

    pub(super) fn no_resource(kind: &str, name: &str, group: &str) -> ArmError {
        ArmError::gateway(
            404,
            "ResourceNotFound",
            format!(
                "The Resource 'Microsoft.ContainerService/{kind}/{name}' under resource group '{group}' was not found. \
                 For more details please go to https://aka.ms/ARMResourceNotFoundFix"
            ),
        )
    }

    pub(super) fn no_group(name: &str) -> ArmError {
        ArmError::gateway(404, "ResourceGroupNotFound", format!("Resource group '{name}' could not be found."))
    }

    pub(super) fn target(mut self, target: &str) -> ArmError {
        self.target = Some(target.into());
        self
    }

    pub(super) fn detail(mut self, detail: Value) -> ArmError {
        self.details.push(detail);
        self
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> ArmError {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn answer(self) -> Answer {
        let mut headers = self.headers;
        let body = match self.layer {
            Layer::Gateway => {
                headers.push(("x-ms-failure-cause", "gateway".into()));
                let mut error = json!({ "code": self.code, "message": self.message });
                if let Some(target) = self.target {
                    error["target"] = target.into();
                }
                if !self.details.is_empty() {
                    error["details"] = self.details.into();
                }
                json!({ "error": error })
            }
            Layer::Service => {
                let details = if self.details.is_empty() { Value::Null } else { self.details.into() };
                let mut error =
                    json!({ "code": self.code, "details": details, "message": self.message, "subcode": "" });
                if let Some(target) = self.target {
                    error["target"] = target.into();
                }
                error
            }
        };
        Answer { status: self.status, headers, body: Some(body), committed: false }
    }
}
