//! Pages of lists.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::Answer;
use super::error::ServiceError;

/// As many as EKS puts on a page, asked or not.
const MOST: usize = 100;

/// One page of `items`, which are in order, as `key`.
pub(super) fn page(
    key: &str,
    items: Vec<Value>,
    max_results: Option<&str>,
    next_token: Option<&str>,
) -> Result<Answer, ServiceError> {
    let size = match max_results {
        None => MOST,
        Some(text) => text.parse().ok().filter(|size| (1..=MOST).contains(size)).ok_or_else(|| {
            ServiceError::invalid_parameter(format!("maxResults must be a number between 1 and {MOST}"))
        })?,
    };
    let start = match next_token {
        None => 0,
        Some(token) => decode(token).ok_or_else(|| ServiceError::invalid_parameter("nextToken is not valid"))?,
    };
    let total = items.len();
    let part: Vec<Value> = items.into_iter().skip(start).take(size).collect();
    let mut body = json!({ key: part });
    if start + size < total {
        body["nextToken"] = BASE64_URL_SAFE_NO_PAD.encode(format!("from {}", start + size)).into();
    }
    Ok(Answer::read(body))
}

fn decode(token: &str) -> Option<usize> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).ok()?;
    std::str::from_utf8(&bytes).ok()?.strip_prefix("from ")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_join_to_the_whole_and_foreign_tokens_are_refused() {
        let items: Vec<Value> = (0..7).map(Value::from).collect();
        let (mut found, mut token) = (Vec::new(), None::<String>);
        for _ in 0..3 {
            let body = page("things", items.clone(), Some("3"), token.as_deref()).unwrap().body;
            found.extend(body["things"].as_array().unwrap().clone());
            token = body["nextToken"].as_str().map(str::to_owned);
        }
        assert_eq!((found, token), (items.clone(), None));
        for (size, token) in [(Some("0"), None), (Some("101"), None), (Some("x"), None), (None, Some("MTIz"))] {
            assert_eq!(page("things", items.clone(), size, token).unwrap_err().code, "InvalidParameterException");
        }
    }
}
