//! Creates an AKS environment, scales a pool of it, and deletes it again, without Terraform.
//!
//! Credentials come from where Azure's providers for Terraform take them, so this runs against a subscription
//!
//! ```text
//! ARM_SUBSCRIPTION_ID=00000000-0000-0000-0000-000000000001 cargo run --example aks_lifecycle -- westeurope platform
//! ```
//!
//! and, with the URLs and the CA bundle that it prints, against the simulator:
//!
//! ```text
//! ARM_SUBSCRIPTION_ID=00000000-0000-4000-8000-000000000001 ARM_TENANT_ID=any ARM_CLIENT_ID=any ARM_CLIENT_SECRET=any \
//!     AZURE_ENDPOINT=https://127.0.0.1:… AZURE_AUTHORITY_HOST=https://127.0.0.1:… AZURE_CA_BUNDLE=… \
//!     POLL_SECONDS=0 cargo run --example aks_lifecycle
//! ```
#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use multicloud::aks::{Aks, AksSpec, AzureSettings, POLL_INTERVAL};
use multicloud::environment::{CloudSpec, PoolMode, PoolSize, PoolSpec};
use multicloud::{Checkpoint, Driver, EnvironmentSpec, ErrorChain, Jitter, Outcome, Run, Target, TokioClock};

/// Clusters take five minutes with all their pools; deleting takes as long.
const TIMEOUT: Duration = Duration::from_secs(60 * 60);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |default: &str| arguments.next().unwrap_or_else(|| default.to_owned());
    let region = next("westeurope");
    let resource_group = next("platform");
    let poll_interval = match std::env::var("POLL_SECONDS") {
        Ok(seconds) => Duration::from_secs_f64(seconds.parse()?),
        Err(_) => POLL_INTERVAL,
    };
    let settings = AzureSettings {
        endpoint: std::env::var("AZURE_ENDPOINT").ok(),
        ca_bundle: std::env::var_os("AZURE_CA_BUNDLE").map(Into::into),
        ..AzureSettings::default()
    };
    let driver =
        Driver::new(Arc::new(Aks::new(settings)), Arc::new(TokioClock::new()), Jitter::random(), poll_interval);

    let cloud = CloudSpec::Aks(AksSpec::new(resource_group.parse()?));
    let mut spec = EnvironmentSpec::new("example".parse()?, "multicloud-example".parse()?, "1.33".parse()?, cloud);
    spec.region = Some(region.parse()?);
    spec.deletion_protection = false;
    let mut system = PoolSpec::new("Standard_D2s_v5".parse()?, PoolSize::Fixed(2));
    system.mode = PoolMode::System;
    spec.node_pools.insert("system".parse()?, system);
    let apps = PoolSpec::new("Standard_D4s_v5".parse()?, PoolSize::Autoscale { min: 1, max: 4 });
    spec.node_pools.insert("apps".parse()?, apps);

    println!("creating {} in {region}", spec.name);
    let created = driver.create(&spec, Run::new(TIMEOUT, &tell)).await;
    let target = Target {
        id: created.id.clone().ok_or("the place of the environment could not be learnt")?,
        mark: spec.mark(),
        uid: created.observed.as_ref().map(|observed| observed.uid.clone()),
        deletion_protection: false,
    };
    // Whatever went wrong, what was made is taken away again.
    let result = match ended(&created) {
        Ok(()) => {
            let access = driver.access(&target.id).await?;
            println!("its API server is {}", access.endpoint);
            println!("scaling pool system to 3 nodes");
            if let Some(system) = spec.node_pools.get_mut(&"system".parse()?) {
                system.size = PoolSize::Fixed(3);
            }
            ended(&driver.update(&target, &spec, Run::new(TIMEOUT, &tell)).await)
        }
        Err(error) => Err(error),
    };
    println!("deleting {}", target.id);
    ended(&driver.delete(&target, Run::new(TIMEOUT, &tell)).await)?;
    result
}

/// Called whenever something should not be lost. A program that may be killed writes this down, and gives
/// [`Run::running`] what it had written when it begins again.
fn tell(checkpoint: &Checkpoint<'_>) {
    let status = checkpoint.observed.map_or("not there yet", |observed| observed.status.as_str());
    let running: Vec<String> = checkpoint.running.iter().map(ToString::to_string).collect();
    println!(
        "  {}: {status}; running: {}",
        checkpoint.id,
        if running.is_empty() { "nothing".into() } else { running.join(", ") }
    );
}

fn ended(outcome: &Outcome) -> Result<(), Box<dyn Error>> {
    let problems: Vec<String> = outcome.errors().into_iter().map(|error| ErrorChain(error).to_string()).collect();
    if outcome.is_converged() { Ok(()) } else { Err(problems.join("; ").into()) }
}
