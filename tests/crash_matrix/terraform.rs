//! The same points through the command lines: the provider is killed where the driver process was, and terraform or tofu
//! is run again.

use std::time::Duration;

use multicloud_simulator::fault::FaultPlan;
use serde_json::{Value, json};
use tokio::runtime::Handle;

use crate::checker::{self, Evidence};
use crate::harness::{Cli, Outcome, Running, Workspace, send};
use crate::matrix::{NOT_COVERED, RECOVERIES, Reference, Verdict};
use crate::point::{Deed, Point};
use crate::world::{ACCOUNT, OURS, OWNER, Pace, REGION, SUBNETS, World, foreign};

/// How long to wait for the blow before looking whether the command line has ended without it.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Polls cost nothing: a request moves the simulated clock by a minute.
const POLL_INTERVAL: &str = "5ms";

/// A workspace and a cloud with a deed about to be done.
struct Stage<'a> {
    deed: Deed,
    world: World,
    workspace: Workspace,
    runtime: &'a Handle,
    before: Value,
    seen: u64,
}

impl<'a> Stage<'a> {
    fn set(deed: Deed, cli: &Cli, runtime: &'a Handle) -> Stage<'a> {
        let world = runtime.block_on(World::start(deed, Pace::Usual));
        let workspace = Workspace::new(cli);
        let mut stage = Stage { deed, world, workspace, runtime, before: Value::Null, seen: 0 };
        match deed {
            Deed::Update | Deed::Delete => {
                stage.write(CREATED);
                stage.workspace.apply().succeeds();
            }
            Deed::Create | Deed::CreateOverMarked | Deed::CreateOverUnmarked => {}
        }
        if deed == Deed::Update {
            stage.world.intrude();
            stage.write(UPDATED);
        }
        if deed == Deed::Create {
            stage.write(CREATED);
        }
        stage.before = stage.world.clusters();
        stage.seen = stage.world.seen();
        stage
    }

    fn write(&self, environment: &str) {
        let (eks, sts) = (self.world.url("eks"), self.world.url("sts"));
        let [first, second] = SUBNETS;
        let text = format!(
            r#"terraform {{
  required_providers {{
    multicloud = {{ source = "multicloud-rs/multicloud" }}
  }}
}}

provider "multicloud" {{
  owner = "{OWNER}"
  aws = {{ region = "{REGION}", endpoint = "{eks}", sts_endpoint = "{sts}", poll_interval = "{POLL_INTERVAL}" }}
}}

locals {{
  subnets = ["{first}", "{second}"]
  account = "{ACCOUNT}"
}}

resource "multicloud_environment" "ours" {{
  name                = "{OURS}"
  role                = "workload"
  region              = "{REGION}"
  deletion_protection = false
{environment}}}
"#
        );
        self.workspace.write("main.tf", &text);
    }

    fn start(&self) -> Running {
        let verb = match self.deed {
            Deed::Create | Deed::Update | Deed::CreateOverMarked | Deed::CreateOverUnmarked => "apply",
            Deed::Delete => "destroy",
        };
        self.workspace.start([verb, "-auto-approve", "-input=false", "-no-color"])
    }

    /// Runs the deed until that call is struck, and kills the provider there.
    fn run_and_kill(&self, seq: u64) -> Outcome {
        let mut running = self.start();
        let struck = || {
            let entry = self.world.running.wait_for(|entry| entry.seq == seq && entry.fault.is_some());
            self.runtime.block_on(async { tokio::time::timeout(LOOK_EVERY, entry).await.is_ok() })
        };
        while !struck() {
            if running.has_ended() {
                return running.finish();
            }
        }
        for id in self.workspace.provider_processes() {
            send("KILL", &id);
        }
        running.finish()
    }
}

/// Does a deed that nothing befalls.
pub(crate) fn reference(deed: Deed, cli: &Cli, runtime: &Handle) -> Reference {
    let stage = Stage::set(deed, cli, runtime);
    stage.start().finish().succeeds();
    let (requests, world) = (stage.world.requests(stage.seen), stage.world.clusters());
    Reference { before: stage.before, requests, world }
}

/// Strikes at a point, runs the command line again, and judges.
pub(crate) fn strike(point: &Point, cli: &Cli, reference: &Reference, runtime: &Handle) -> Verdict {
    let deed = point.deed;
    let stage = Stage::set(deed, cli, runtime);
    let mut wrong = Vec::new();
    let call = stage.seen + point.call;
    let fault = point.blow.fault();
    let rule = json!([{ "call": call, "point": point.moment.as_str(), "fault": fault }]);
    let plan = FaultPlan::from_json(&rule.to_string()).expect("the rule is well-formed");
    stage.world.running.add_faults(plan).expect("the rule fits");

    let mut last = stage.run_and_kill(call);
    let struck = format!("{}/{fault}", point.moment.as_str());
    let is_covered = checker::was_struck(&stage.world.requests(stage.seen), call, &struck);
    if !is_covered {
        let wrong = vec![format!("{NOT_COVERED}: {}", last.transcript())];
        return Verdict { is_covered, is_covered_again: false, wrong, requests: Vec::new() };
    }
    if last.status.success() {
        wrong.push("nobody noticed that the provider was killed".to_owned());
    }
    for _ in 0..RECOVERIES {
        last = stage.start().finish();
        if last.status.success() {
            break;
        }
    }
    if !last.status.success() {
        wrong.push(format!("not recovered: {}", last.transcript()));
    }
    let (requests, after) = (stage.world.requests(stage.seen), stage.world.clusters());
    match deed {
        Deed::Delete => {
            if !stage.workspace.state().is_empty() {
                wrong.push("something is left in the state".to_owned());
            }
        }
        Deed::Create | Deed::Update | Deed::CreateOverMarked | Deed::CreateOverUnmarked => {
            let plan = stage.workspace.run(["plan", "-input=false", "-no-color", "-detailed-exitcode"]);
            if plan.status.code() != Some(0) {
                wrong.push(format!("the plan is not empty: {}", plan.transcript()));
            }
            let destroyed = stage.workspace.destroy();
            if !destroyed.status.success() || !stage.world.clusters()[OURS].is_null() {
                wrong.push(format!("destroying leaves something: {}", destroyed.transcript()));
            }
        }
    }
    wrong.extend(checker::judge(&Evidence {
        reference: &reference.requests,
        reference_world: &reference.world,
        requests: &requests,
        before: &stage.before,
        after: &after,
        foreign: &foreign(deed),
    }));
    Verdict { is_covered, is_covered_again: false, wrong, requests }
}

/// As `environment::created`.
const CREATED: &str = r#"  kubernetes = { version = "1.31" }
  node_pools = {
    system = { machine_type = "t3.large", count = 2, mode = "system" }
    apps   = { machine_type = "m7i.xlarge", count = 1 }
  }
  network = { subnet_ids = local.subnets }
  tags    = { team = "platform" }
  eks = {
    role_arn      = "arn:aws:iam::${local.account}:role/eks-cluster"
    node_role_arn = "arn:aws:iam::${local.account}:role/eks-node"
    addons        = { coredns = {} }
    access_entries = {
      "arn:aws:iam::${local.account}:role/admin" = {
        policies = { "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy" = {} }
      }
    }
  }
"#;

/// As `environment::updated`.
const UPDATED: &str = r#"  kubernetes = { version = "1.33" }
  node_pools = {
    system = {
      machine_type = "t3.large"
      count        = 3
      mode         = "system"
      labels       = { tier = "base" }
      taints       = [{ key = "CriticalAddonsOnly", value = "true", effect = "PreferNoSchedule" }]
    }
    batch = { machine_type = "m7i.xlarge", count = 2 }
  }
  network = { subnet_ids = local.subnets, authorized_cidrs = ["203.0.113.0/24"] }
  tags    = { team = "runtime", cost-center = "1234" }
  eks = {
    role_arn       = "arn:aws:iam::${local.account}:role/eks-cluster"
    node_role_arn  = "arn:aws:iam::${local.account}:role/eks-node"
    private_access = true
    log_types      = ["api", "audit"]
    addons         = { coredns = { configuration_values = jsonencode({ replicaCount = 3 }) } }
    access_entries = {
      "arn:aws:iam::${local.account}:role/admin" = {
        policies = { "arn:aws:eks::aws:cluster-access-policy/AmazonEKSEditPolicy" = {} }
      }
    }
  }
"#;
