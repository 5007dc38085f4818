//! The same points through the command lines: the provider is killed where the driver process was, and terraform or tofu
//! is run again.

use std::time::Duration;

use multicloud_simulator::fault::FaultPlan;
use serde_json::{Value, json};
use tokio::runtime::Handle;

use crate::checker::{self, Evidence};
use crate::clouds::{CloudName, OURS, OWNER};
use crate::harness::{Cli, Outcome, Running, Workspace, send};
use crate::matrix::{NOT_COVERED, RECOVERIES, Reference, Verdict};
use crate::point::{Deed, Point};
use crate::world::{Pace, World, foreign};

/// How long to wait for the blow before looking whether the command line has ended without it.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A workspace and a cloud with a deed about to be done.
struct Stage<'a> {
    cloud: CloudName,
    deed: Deed,
    world: World,
    workspace: Workspace,
    runtime: &'a Handle,
    before: Value,
    seen: u64,
}

impl<'a> Stage<'a> {
    fn set(cloud: CloudName, deed: Deed, cli: &Cli, runtime: &'a Handle) -> Stage<'a> {
        let world = runtime.block_on(World::start(cloud, Pace::Usual));
        let workspace = Workspace::new(cli);
        let mut stage = Stage { cloud, deed, world, workspace, runtime, before: Value::Null, seen: 0 };
        match deed {
            Deed::Update | Deed::Delete => {
                stage.write(cloud.cloud().created_hcl());
                stage.workspace.apply().succeeds();
            }
            Deed::Create | Deed::CreateOverMarked | Deed::CreateOverUnmarked => {}
        }
        if deed == Deed::Update {
            stage.world.intrude();
            stage.write(cloud.cloud().updated_hcl());
        }
        if deed == Deed::Create {
            stage.write(cloud.cloud().created_hcl());
        }
        stage.before = stage.world.clusters();
        stage.seen = stage.world.seen();
        stage
    }

    fn write(&self, environment: &str) {
        let cloud = self.cloud.cloud();
        let (provider, region) = (cloud.provider_hcl(&self.world.reach()), cloud.region());
        let text = format!(
            r#"terraform {{
  required_providers {{
    multicloud = {{ source = "multicloud-rs/multicloud" }}
  }}
}}

provider "multicloud" {{
  owner = "{OWNER}"
  {provider}
}}

resource "multicloud_environment" "ours" {{
  name                = "{OURS}"
  role                = "workload"
  region              = "{region}"
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
pub(crate) fn reference(cloud: CloudName, deed: Deed, cli: &Cli, runtime: &Handle) -> Reference {
    let stage = Stage::set(cloud, deed, cli, runtime);
    stage.start().finish().succeeds();
    let (requests, world) = (stage.world.requests(stage.seen), stage.world.clusters());
    Reference { before: stage.before, requests, world }
}

/// Strikes at a point, runs the command line again, and judges.
pub(crate) fn strike(point: &Point, cli: &Cli, reference: &Reference, runtime: &Handle) -> Verdict {
    let (cloud, deed) = (point.cloud, point.deed);
    let stage = Stage::set(cloud, deed, cli, runtime);
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
        dialect: cloud.cloud().dialect(),
        reference: &reference.requests,
        reference_world: &reference.world,
        requests: &requests,
        before: &stage.before,
        after: &after,
        foreign: &foreign(cloud, deed),
    }));
    Verdict { is_covered, is_covered_again: false, wrong, requests }
}
