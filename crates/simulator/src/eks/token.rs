//! Idempotency tokens: a request repeated with its token is answered as the first time and changes nothing more.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde_json::Value;

use super::error::ServiceError;
use super::operation::Operation;
use super::{Answer, Input};

/// EKS refuses others (ansible-collections/community.aws#817).
const TOKEN_LENGTH: RangeInclusive<usize> = 33..=126;

/// The tokens of a region that were used.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    seen: BTreeMap<String, Remembered>,
}

#[derive(Debug)]
struct Remembered {
    operation: Operation,
    path: Vec<String>,
    request: Value,
    /// The cluster that it belongs to; with it the token is forgotten.
    cluster: String,
    answer: Value,
}

impl Tokens {
    /// The first answer to this request, if it was made before.
    pub(super) fn recall(&self, token: Option<&str>, input: &Input<'_>) -> Result<Option<Answer>, ServiceError> {
        let Some(token) = token else { return Ok(None) };
        if !TOKEN_LENGTH.contains(&token.len()) {
            let (least, most) = TOKEN_LENGTH.into_inner();
            let message = format!("clientRequestToken must be between {least} and {most} characters long");
            return Err(ServiceError::invalid_parameter(message));
        }
        match self.seen.get(token) {
            None => Ok(None),
            Some(first)
                if first.operation == input.operation && first.path == input.path && first.request == input.json() =>
            {
                Ok(Some(Answer { body: first.answer.clone(), committed: false }))
            }
            Some(_) => Err(ServiceError::in_use(format!(
                "The client request token {token} was used before, with other parameters"
            ))),
        }
    }

    pub(super) fn remember(&mut self, token: Option<String>, input: &Input<'_>, cluster: &str, answer: &Answer) {
        if let Some(token) = token {
            let first = Remembered {
                operation: input.operation,
                path: input.path.clone(),
                request: input.json(),
                cluster: cluster.into(),
                answer: answer.body.clone(),
            };
            self.seen.insert(token, first);
        }
    }

    pub(super) fn forget(&mut self, cluster: &str) {
        self.seen.retain(|_, remembered| remembered.cluster != cluster);
    }
}
