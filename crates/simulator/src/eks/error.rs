//! How EKS says no: status, `x-amzn-ErrorType` and a JSON body.

use serde_json::{Map, Value};

use crate::cloud::Reply;

/// An error of the service.
#[derive(Clone, Debug)]
pub(super) struct ServiceError {
    pub(super) code: &'static str,
    pub(super) status: u16,
    pub(super) message: String,
    /// `clusterName` and its like, which most of the service's errors have.
    names: Vec<(&'static str, String)>,
}

impl ServiceError {
    pub(super) fn new(code: &'static str, status: u16, message: impl Into<String>) -> ServiceError {
        ServiceError { code, status, message: message.into(), names: Vec::new() }
    }

    pub(super) fn invalid_parameter(message: impl Into<String>) -> ServiceError {
        ServiceError::new("InvalidParameterException", 400, message)
    }

    pub(super) fn invalid_request(message: impl Into<String>) -> ServiceError {
        ServiceError::new("InvalidRequestException", 400, message)
    }

    pub(super) fn in_use(message: impl Into<String>) -> ServiceError {
        ServiceError::new("ResourceInUseException", 409, message)
    }

    pub(super) fn not_found(message: impl Into<String>) -> ServiceError {
        ServiceError::new("ResourceNotFoundException", 404, message)
    }

    pub(super) fn no_cluster(name: &str) -> ServiceError {
        ServiceError::not_found(format!("No cluster found for name: {name}.")).cluster(name)
    }

    pub(super) fn cluster(mut self, name: &str) -> ServiceError {
        self.names.push(("clusterName", name.into()));
        self
    }

    pub(super) fn nodegroup(mut self, name: &str) -> ServiceError {
        self.names.push(("nodegroupName", name.into()));
        self
    }

    pub(super) fn addon(mut self, name: &str) -> ServiceError {
        self.names.push(("addonName", name.into()));
        self
    }

    pub(super) fn reply(self, request_id: String) -> Reply {
        let mut body: Map<String, Value> =
            self.names.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        body.insert("message".into(), self.message.into());
        Reply {
            status: self.status,
            headers: vec![
                ("Content-Type", "application/json".into()),
                ("x-amzn-ErrorType", self.code.into()),
                ("x-amzn-RequestId", request_id),
            ],
            body: Value::Object(body).to_string().into_bytes(),
        }
    }
}
