//! gcloud, a client that we did not write, leads clusters through their lives.

use std::path::Path;
use std::process::{Command, Output};

use multicloud_simulator::{Running, Time};
use serde_json::{Value, json};

use crate::client::{PROJECT, config, start_with};

const NEEDED: &str = "gcloud is needed: install the Google Cloud CLI (https://cloud.google.com/sdk/docs/install)";

/// Beyond any duration here: what gcloud polls for is there when it asks, for it waits in real time.
const STEP: Time = Time::Fast { step: std::time::Duration::from_secs(600) };

struct Gcloud<'a> {
    simulator: &'a Running,
    home: &'a Path,
    /// A credential file; without one gcloud sends no token.
    credentials: Option<&'a Path>,
}

impl Gcloud<'_> {
    fn output(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(std::env::var_os("MULTICLOUD_GCLOUD").unwrap_or_else(|| "gcloud".into()));
        command.args(arguments);
        for (service, endpoint, base) in [
            ("CONTAINER", "google", "/"),
            ("COMPUTE", "google_compute", "/compute/v1/"),
            ("SERVICEUSAGE", "google_serviceusage", "/"),
        ] {
            let url = format!("{}{base}", self.simulator.url(endpoint).unwrap());
            command.env(format!("CLOUDSDK_API_ENDPOINT_OVERRIDES_{service}"), url);
        }
        // Nothing of the user's own configuration, and nobody to ask.
        command
            .env("CLOUDSDK_CONFIG", self.home.join("gcloud"))
            .env("KUBECONFIG", self.home.join("kubeconfig"))
            .env("CLOUDSDK_CORE_PROJECT", PROJECT)
            .env("CLOUDSDK_CORE_DISABLE_PROMPTS", "true")
            .env("CLOUDSDK_CORE_DISABLE_USAGE_REPORTING", "true")
            .env("CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK", "true");
        match self.credentials {
            Some(file) => {
                command.env("CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE", file);
                command.env("CLOUDSDK_AUTH_TOKEN_HOST", format!("{}/token", self.simulator.url("google").unwrap()));
            }
            None => drop(command.env("CLOUDSDK_AUTH_DISABLE_CREDENTIALS", "true")),
        }
        command.output().expect(NEEDED)
    }

    /// Runs a command that is to succeed; what it prints as JSON.
    #[track_caller]
    fn run(&self, arguments: &str) -> Value {
        let arguments: Vec<&str> = arguments.split_whitespace().chain(["--format=json"]).collect();
        let output = self.output(&arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {errors}");
        if output.stdout.is_empty() { Value::Null } else { serde_json::from_slice(&output.stdout).unwrap() }
    }

    /// What a command says that is to fail.
    fn error(&self, arguments: &str) -> String {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let output = self.output(&arguments);
        assert!(!output.status.success(), "{arguments:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_gcloud_cli_completes_a_life() {
    let home = tempfile::tempdir().unwrap();
    let client = start_with(multicloud_simulator::Config { time: STEP, ..config() }).await;
    let gcloud = Gcloud { simulator: &client.simulator, home: home.path(), credentials: None };
    let (place, pools) = ("--region us-central1", "--cluster demo --region us-central1");
    let cluster = || gcloud.run(&format!("container clusters describe demo {place}"));
    let pool = |name: &str| gcloud.run(&format!("container node-pools describe {name} {pools}"));

    gcloud.run(&format!(
        "container clusters create demo {place} --num-nodes 1 --cluster-version 1.32 --machine-type e2-standard-2 \
         --labels team=platform"
    ));
    let made = cluster();
    assert_eq!((&made["status"], &made["resourceLabels"]["team"]), (&"RUNNING".into(), &"platform".into()));
    gcloud.run(&format!(
        "container node-pools create apps {pools} --num-nodes 1 --machine-type e2-standard-4 --node-labels tier=web \
         --node-taints k=v:NoSchedule --enable-autoscaling --total-min-nodes 3 --total-max-nodes 9"
    ));
    let apps = pool("apps");
    assert_eq!(
        (&apps["autoscaling"]["totalMaxNodeCount"], &apps["config"]["labels"]["tier"]),
        (&9.into(), &"web".into())
    );

    let skipped = gcloud.error(&format!("container clusters upgrade demo {place} --master --cluster-version 1.34"));
    assert!(skipped.contains("cannot upgrade the master more than a minor version at a time"), "{skipped}");
    gcloud.run(&format!("container clusters upgrade demo {place} --master --cluster-version 1.33"));
    gcloud.run(&format!("container clusters upgrade demo {place} --node-pool apps"));
    let upgraded = cluster();
    assert_eq!(upgraded["currentMasterVersion"], "1.33.5-gke.1308000");
    assert_eq!(pool("apps")["version"], "1.33.5-gke.1308000");
    assert_eq!(pool("default-pool")["version"], "1.32.10-gke.1059000");

    gcloud.run(&format!("container clusters resize demo {place} --node-pool default-pool --num-nodes 2"));
    assert_eq!(cluster()["currentNodeCount"], 9);
    let url = pool("default-pool")["instanceGroupUrls"][0].as_str().unwrap().to_owned();
    let name = url.rsplit('/').next().unwrap();
    let group = gcloud.run(&format!("compute instance-groups managed describe {name} --zone us-central1-a"));
    assert_eq!(group["targetSize"], 2);

    gcloud.run(&format!("container node-pools update apps {pools} --node-labels tier=app"));
    gcloud.run(&format!("container node-pools update apps {pools} --machine-type e2-standard-8"));
    assert_eq!(pool("apps")["config"]["machineType"], "e2-standard-8");
    gcloud.run(&format!("container clusters update demo {place} --update-labels owner=me"));
    gcloud.run(&format!("container clusters update demo {place} --workload-pool {PROJECT}.svc.id.goog"));
    assert_eq!(cluster()["resourceLabels"]["owner"], "me");

    gcloud.run(&format!("container clusters get-credentials demo {place}"));
    let kubeconfig = std::fs::read_to_string(home.path().join("kubeconfig")).unwrap();
    assert!(
        kubeconfig.contains(&format!("server: https://{}", upgraded["endpoint"].as_str().unwrap())),
        "{kubeconfig}"
    );
    let listed = gcloud.run(&format!("container operations list {place}"));
    assert!(listed.as_array().unwrap().iter().any(|operation| operation["operationType"] == "SET_NODE_POOL_SIZE"));

    gcloud.run(&format!("container node-pools delete apps {pools}"));
    gcloud.run(&format!("container clusters delete demo {place}"));
    let gone = gcloud.error(&format!("container clusters describe demo {place}"));
    assert!(gone.contains("Not found: projects/simulated-project/locations/us-central1/clusters/demo."), "{gone}");
    assert_eq!(gcloud.run("container clusters list"), Value::Array(Vec::new()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_gcloud_cli_waits_for_an_operation_that_fails() {
    let home = tempfile::tempdir().unwrap();
    let faults = crate::client::faults(r#"[{"operation":"CreateCluster","fault":"fail"}]"#);
    let client = start_with(multicloud_simulator::Config { time: STEP, faults, ..config() }).await;
    let gcloud = Gcloud { simulator: &client.simulator, home: home.path(), credentials: None };
    let failed = gcloud.error("container clusters create demo --zone us-east1-b --num-nodes 1");
    assert!(failed.contains("GCE_STOCKOUT"), "{failed}");
    let left = gcloud.run("container clusters describe demo --zone us-east1-b");
    assert_eq!(left["status"], "ERROR");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_gcloud_cli_signs_in() {
    let home = tempfile::tempdir().unwrap();
    let client = start_with(config()).await;
    let url = client.simulator.url("google").unwrap();
    let subject = home.path().join("subject");
    std::fs::write(&subject, "a token of somebody else's").unwrap();
    let account = "deployer@simulated-project.iam.gserviceaccount.com";
    let federated = json!({
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/p/providers/q",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": format!("{url}/v1/token"),
        "credential_source": { "file": subject },
        "service_account_impersonation_url": format!("{url}/v1/projects/-/serviceAccounts/{account}:generateAccessToken"),
    });
    let user = json!({ "type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r" });
    for (content, asked) in [
        (federated, &["ExchangeToken", "GenerateAccessToken", "ListClusters"][..]),
        (user, &["GetToken", "ListClusters"]),
    ] {
        let file = home.path().join("credentials.json");
        std::fs::write(&file, content.to_string()).unwrap();
        let gcloud = Gcloud { simulator: &client.simulator, home: home.path(), credentials: Some(&file) };
        client.simulator.reset();
        assert_eq!(gcloud.run("container clusters list"), json!([]));
        let seen: Vec<_> = client.simulator.journal().into_iter().map(|entry| entry.operation).collect();
        assert_eq!(seen, asked);
    }
}
