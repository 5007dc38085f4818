//! Azure Resource Manager with AKS, and the login of Microsoft Entra.
//!
//! Objects for tests: `<subscription>/groups/<resource group>[/clusters/<name>[/agentPools/<name>]]`.

use serde_json::Value;

use crate::clock::Moment;
use crate::cloud::{Call, Cloud, Context, Reply, Request, Served, WorldError};
use crate::fault::ReplyFault;
use crate::kubernetes::ApiServer;

pub(crate) fn inventory() -> String {
    String::new()
}

pub(crate) fn operations() -> Vec<&'static str> {
    Vec::new()
}

#[derive(Debug)]
pub(crate) struct Azure {
    api_server: ApiServer,
}

impl Azure {
    pub(crate) fn new(api_server: ApiServer) -> Azure {
        Azure { api_server }
    }
}

impl Cloud for Azure {
    fn name(&self) -> &'static str {
        "azure"
    }
    fn endpoints(&self) -> &'static [&'static str] {
        &["azure", "azure_authority"]
    }
    fn is_tls(&self, _endpoint: &'static str) -> bool {
        true
    }
    fn recognise(&self, _endpoint: &'static str, request: &Request) -> Call {
        Call { operation: "Unknown", region: None, logged_path: request.path.clone(), logged_body: None }
    }
    fn serve(&mut self, _endpoint: &'static str, _request: &Request, _context: &mut Context<'_>) -> Served {
        Served { reply: Reply { status: 404, headers: vec![], body: vec![] }, committed: false }
    }
    fn refuse(&mut self, _e: &'static str, _r: &Request, _f: ReplyFault, _c: &mut Context<'_>) -> Reply {
        let _ = self.api_server.token();
        Reply { status: 500, headers: vec![], body: vec![] }
    }
    fn world(&mut self, _now: Moment) -> Value {
        Value::Null
    }
    fn put(&mut self, _path: &[&str], _value: Value, _context: &mut Context<'_>) -> Result<(), WorldError> {
        Ok(())
    }
    fn remove(&mut self, _path: &[&str], _now: Moment) -> Result<(), WorldError> {
        Ok(())
    }
}
