//! Long-running operations: the URLs that clients poll, with the traps of the real ones as recordings of the CLI show them:
//! an old API version of its own in the URL, and in the body the URL's GUID with the bytes of its first three groups in
//! another order.

use serde_json::json;

use super::error::ArmError;
use super::world::{Record, Subscription};
use super::{Answer, Input};

/// The version that poll URLs carry, whatever the request had.
const POLL_VERSION: &str = "2016-03-30";

/// Where an operation is polled, and where its result is.
pub(super) fn urls(input: &Input<'_>, location: &str, operation: &str) -> (String, String) {
    let url = |what: &str| {
        format!(
            "{}/subscriptions/{}/providers/Microsoft.ContainerService/locations/{location}/{what}/{operation}\
             ?api-version={POLL_VERSION}",
            input.base,
            input.label(0)
        )
    };
    (url("operations"), url("operationresults"))
}

pub(super) fn status(subscription: &mut Subscription, input: &Input<'_>) -> Result<Answer, ArmError> {
    let name = input.label(2);
    let record = find(subscription, input)?;
    let mut body = json!({ "name": swapped(name), "status": record.status, "startTime": record.started.rfc3339() });
    if let Some(ended) = record.ended {
        body["endTime"] = ended.rfc3339().into();
    }
    if let Some(error) = &record.error {
        body["error"] = json!({ "code": error.code, "message": error.message });
    }
    Ok(Answer::ok(body))
}

/// 202 while it goes on, then 204, or the error.
pub(super) fn result(subscription: &mut Subscription, input: &Input<'_>) -> Result<Answer, ArmError> {
    let record = find(subscription, input)?;
    match (record.ended, &record.error) {
        (None, _) => {
            let (_, result) = urls(input, input.label(1), input.label(2));
            Ok(Answer { status: 202, headers: vec![("Location", result)], body: None, committed: false })
        }
        (Some(_), None) => Ok(Answer { status: 204, headers: Vec::new(), body: None, committed: false }),
        (Some(_), Some(error)) => Err(ArmError::service(409, error.code, error.message.as_str())),
    }
}

fn find<'s>(subscription: &'s mut Subscription, input: &Input<'_>) -> Result<&'s Record, ArmError> {
    let (location, name) = (input.label(1), input.label(2));
    let not_found = || ArmError::service(404, "NotFound", format!("The operation '{name}' was not found."));
    let record = subscription.operations.get_mut(&name.to_ascii_lowercase()).ok_or_else(not_found)?;
    if !record.location.eq_ignore_ascii_case(location) {
        return Err(not_found());
    }
    if record.hidden > 0 {
        record.hidden -= 1;
        return Err(not_found());
    }
    Ok(record)
}

/// A GUID with its first three groups in the other byte order.
fn swapped(guid: &str) -> String {
    let reversed = |group: &str| {
        let bytes: Vec<&str> = (0..group.len() / 2).filter_map(|i| group.get(2 * i..2 * i + 2)).collect();
        bytes.into_iter().rev().collect::<String>()
    };
    let groups = guid.split('-').enumerate();
    let groups = groups.map(|(index, group)| if index < 3 { reversed(group) } else { group.to_owned() });
    groups.collect::<Vec<_>>().join("-")
}

#[test]
fn a_name_is_the_guid_in_another_order() {
    assert_eq!(swapped("5730cc50-899f-4717-bbd4-8957dfe44cd8"), "50cc3057-9f89-1747-bbd4-8957dfe44cd8");
}
