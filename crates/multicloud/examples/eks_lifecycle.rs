//! Creates an EKS environment, scales a pool of it, and deletes it again, without Terraform.
//!
//! Credentials and endpoints come from where AWS tools take them, so this runs against an account
//!
//! ```text
//! AWS_PROFILE=sandbox cargo run --example eks_lifecycle -- us-east-1 \
//!     arn:aws:iam::123456789012:role/eks arn:aws:iam::123456789012:role/eks-node subnet-0a1b2c3d,subnet-1a2b3c4d
//! ```
//!
//! and, with the URLs that it prints, against the simulator:
//!
//! ```text
//! AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any AWS_ENDPOINT_URL_EKS=http://127.0.0.1:… AWS_ENDPOINT_URL_STS=http://127.0.0.1:… \
//!     POLL_SECONDS=0 cargo run --example eks_lifecycle
//! ```
#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use multicloud::eks::{AwsSettings, Eks, EksSpec, POLL_INTERVAL};
use multicloud::environment::{CloudSpec, KubernetesSpec, NetworkSpec, PoolMode, PoolSize, PoolSpec, Role};
use multicloud::{Checkpoint, Driver, EnvironmentSpec, ErrorChain, Jitter, Outcome, Run, Target, TokioClock};

/// Clusters take ten minutes, node groups five; deleting takes as long.
const TIMEOUT: Duration = Duration::from_secs(60 * 60);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |default: &str| arguments.next().unwrap_or_else(|| default.to_owned());
    let region = next("us-east-1");
    let role_arn = next("arn:aws:iam::123456789012:role/eks-cluster");
    let node_role_arn = next("arn:aws:iam::123456789012:role/eks-node");
    let subnets = next("subnet-0000000000000000a,subnet-0000000000000000b");
    let poll_interval = match std::env::var("POLL_SECONDS") {
        Ok(seconds) => Duration::from_secs_f64(seconds.parse()?),
        Err(_) => POLL_INTERVAL,
    };

    let backend = Arc::new(Eks::new(AwsSettings::default()));
    let driver = Driver::new(backend, Arc::new(TokioClock::new()), Jitter::random(), poll_interval);

    let mut spec = EnvironmentSpec {
        owner: "example".parse()?,
        name: "multicloud-example".parse()?,
        role: Role::Workload,
        region: Some(region.parse()?),
        kubernetes: KubernetesSpec { version: "1.33".parse()?, maintenance_window: None },
        node_pools: [
            ("system".parse()?, pool("t3.large", PoolSize::Fixed(2), PoolMode::System)?),
            ("apps".parse()?, pool("m7i.xlarge", PoolSize::Autoscale { min: 1, max: 4 }, PoolMode::User)?),
        ]
        .into(),
        network: NetworkSpec { subnet_ids: subnets.split(',').map(str::to_owned).collect(), ..NetworkSpec::default() },
        tags: [("team".to_owned(), "platform".to_owned())].into(),
        deletion_protection: false,
        cloud: CloudSpec::Eks(EksSpec { role_arn, node_role_arn, ..EksSpec::default() }),
    };

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
            println!("its API server is {}, and the token for it ends in 14 minutes", access.endpoint);
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

fn pool(machine_type: &str, size: PoolSize, mode: PoolMode) -> Result<PoolSpec, Box<dyn Error>> {
    Ok(PoolSpec {
        machine_type: machine_type.parse()?,
        size,
        mode,
        labels: Default::default(),
        taints: Default::default(),
        zones: Default::default(),
        spot: false,
        disk_size_gb: None,
        version: None,
        max_surge: None,
        drain_timeout: None,
    })
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
