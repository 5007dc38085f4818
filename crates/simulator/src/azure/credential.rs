//! Kubeconfigs, by which clusters are reached.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::error::ArmError;
use super::token::AKS_SERVER;
use super::world::{Cluster, Subscription, text};
use super::{Answer, Input, inventory};

/// The application that people log in with.
const AKS_CLIENT: &str = "80faf920-1908-4b52-b5ef-a8e7bedfc67a";

pub(super) fn user(subscription: &mut Subscription, input: &Input<'_>) -> Result<Answer, ArmError> {
    let cluster = reachable(subscription, input)?;
    let user = format!("clusterUser_{}_{}", cluster.group, cluster.name);
    if !cluster.properties.contains_key("aadProfile") {
        require_local_accounts(cluster)?;
        return Ok(answer("clusterUser", cluster, &user, &json!({ "token": cluster.access.token })));
    }
    let access = match input.request.query("format").unwrap_or("azure").to_ascii_lowercase().as_str() {
        "exec" => json!({ "exec": {
            "apiVersion": "client.authentication.k8s.io/v1beta1",
            "command": "kubelogin",
            "args": [
                "get-token", "--environment", "AzurePublicCloud", "--server-id", AKS_SERVER, "--client-id", AKS_CLIENT,
                "--tenant-id", inventory::TENANT, "--login", "devicecode",
            ],
            "env": null,
            "provideClusterInfo": false,
        } }),
        "azure" => json!({ "auth-provider": { "name": "azure", "config": {
            "apiserver-id": AKS_SERVER, "client-id": AKS_CLIENT, "config-mode": "1", "environment": "AzurePublicCloud",
            "tenant-id": inventory::TENANT,
        } } }),
        other => {
            let message = format!("The format '{other}' is not one of azure, exec.");
            return Err(ArmError::invalid_parameter("format", message));
        }
    };
    Ok(answer("clusterUser", cluster, &user, &access))
}

pub(super) fn admin(subscription: &mut Subscription, input: &Input<'_>) -> Result<Answer, ArmError> {
    let cluster = reachable(subscription, input)?;
    require_local_accounts(cluster)?;
    let user = format!("clusterAdmin_{}_{}", cluster.group, cluster.name);
    Ok(answer("clusterAdmin", cluster, &user, &json!({ "token": cluster.access.token })))
}

/// A cluster that is up, or was once.
fn reachable<'s>(subscription: &'s mut Subscription, input: &Input<'_>) -> Result<&'s Cluster, ArmError> {
    let (cluster, _) = subscription.cluster(input.label(1), input.label(2))?;
    if cluster.state() == "Creating" {
        let message = format!("Could not find control plane with name {}: it is being created.", cluster.name);
        return Err(ArmError::service(404, "ControlPlaneNotFound", message));
    }
    Ok(cluster)
}

fn require_local_accounts(cluster: &Cluster) -> Result<(), ArmError> {
    if cluster.properties.get("disableLocalAccounts") == Some(&Value::Bool(true)) {
        let message = "Getting static credential is not allowed because this cluster is set to disable local accounts.";
        return Err(ArmError::bad_request(message));
    }
    Ok(())
}

fn answer(name: &str, cluster: &Cluster, user: &str, access: &Value) -> Answer {
    let context = match name {
        "clusterAdmin" => format!("{}-admin", cluster.name),
        _ => cluster.name.clone(),
    };
    let server = match cluster.access.server.contains(text(&cluster.properties, "fqdn")) {
        true => format!("{}:443", cluster.access.server),
        false => cluster.access.server.clone(),
    };
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": cluster.name, "cluster": {
            "certificate-authority-data": cluster.access.certificate_authority_data,
            "server": server,
        } }],
        "contexts": [{ "name": context, "context": { "cluster": cluster.name, "user": user } }],
        "current-context": context,
        "preferences": {},
        "users": [{ "name": user, "user": access }],
    });
    // AKS writes YAML; JSON is YAML.
    let value = BASE64_STANDARD.encode(config.to_string());
    Answer::ok(json!({ "kubeconfigs": [{ "name": name, "value": value }] }))
}
