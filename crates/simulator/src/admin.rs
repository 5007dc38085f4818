//! `/_simulator/` on every endpoint: how tests outside of this process read the world and change it. None of it is
//! journaled, moves the clock or meets a fault.
//!
//! | request | effect |
//! | --- | --- |
//! | `GET world` | the whole world as JSON |
//! | `GET journal` | the entries so far |
//! | `POST reset` | an empty world, no faults, numbers from 1 |
//! | `POST faults`, a plan | adds its rules |
//! | `POST advance`, `{"seconds": 600}` | moves the clock |
//! | `PUT world/<cloud>/<object>`, a document | makes the object, or merges the document into it |
//! | `DELETE world/<cloud>/<object>` | removes it |

use std::time::Duration;

use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cloud::{Reply, Request};
use crate::engine::Engine;
use crate::fault::FaultPlan;
use crate::percent;

pub(crate) const PREFIX: &str = "/_simulator/";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    seconds: u32,
}

pub(crate) fn answer(engine: &mut Engine, path: &str, request: &Request) -> Reply {
    let segments: Vec<String> = path.split('/').map(percent::decode).collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match act(engine, &request.method, &segments, &request.body) {
        Ok(value) => reply(200, &value),
        Err(message) => reply(400, &json!({ "message": message })),
    }
}

fn act(engine: &mut Engine, method: &Method, path: &[&str], body: &[u8]) -> Result<Value, String> {
    let done = json!({});
    match (method, path) {
        (&Method::GET, ["world"]) => Ok(engine.world()),
        (&Method::GET, ["journal"]) => serde_json::to_value(engine.journal(0)).map_err(|e| e.to_string()),
        (&Method::POST, ["reset"]) => {
            engine.reset();
            Ok(done)
        }
        (&Method::POST, ["faults"]) => {
            let text = std::str::from_utf8(body).map_err(|e| e.to_string())?;
            let plan = FaultPlan::from_json(text).map_err(|e| e.to_string())?;
            engine.add_faults(plan).map_err(|e| e.to_string())?;
            Ok(done)
        }
        (&Method::POST, ["advance"]) => {
            let advance: Advance = serde_json::from_slice(body).map_err(|e| e.to_string())?;
            engine.advance(Duration::from_secs(advance.seconds.into()));
            Ok(done)
        }
        (&Method::PUT, ["world", cloud, object @ ..]) => {
            let value = serde_json::from_slice(body).map_err(|e| e.to_string())?;
            engine.put(cloud, object, value).map_err(|e| e.to_string())?;
            Ok(done)
        }
        (&Method::DELETE, ["world", cloud, object @ ..]) => {
            engine.remove(cloud, object).map_err(|e| e.to_string())?;
            Ok(done)
        }
        _ => Err(format!("no such request: {method} {PREFIX}{}", path.join("/"))),
    }
}

fn reply(status: u16, value: &Value) -> Reply {
    let headers = vec![("Content-Type", "application/json".to_owned())];
    Reply { status, headers, body: value.to_string().into_bytes() }
}
