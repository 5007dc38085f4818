//! A fresh folder with a configuration, in which a command line runs the provider under test and nothing else.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::{Cli, Outcome, Plan, Running, State};

const PROVIDER: &str = env!("CARGO_BIN_EXE_terraform-provider-multicloud");

/// A configuration's folder and the environment that the command line sees: nothing of the user's own.
pub(crate) struct Workspace {
    cli: Cli,
    // Held for its `Drop`: the folders below lie in it.
    folder: TempDir,
    configuration: PathBuf,
    output: PathBuf,
    provider: PathBuf,
    environment: Vec<(String, String)>,
}

impl Workspace {
    /// An empty folder, with credentials that any simulated cloud accepts.
    #[track_caller]
    pub(crate) fn new(cli: &Cli) -> Self {
        let mut workspace = Self::without_credentials(cli);
        for (name, value) in [
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("ARM_TENANT_ID", "00000000-0000-4000-8000-0000000000aa"),
            ("ARM_CLIENT_ID", "00000000-0000-4000-8000-0000000000bb"),
            ("ARM_CLIENT_SECRET", "test"),
            ("GOOGLE_OAUTH_ACCESS_TOKEN", "test"),
        ] {
            workspace.set(name, value);
        }
        workspace
    }

    /// An empty folder, and no credentials.
    #[track_caller]
    pub(crate) fn without_credentials(cli: &Cli) -> Self {
        // Unix sockets have short names at most: a folder right under the temporary one.
        let folder = tempfile::Builder::new().prefix("mc").tempdir().expect("cannot create a folder");
        let create = |name: &str| {
            let path = folder.path().join(name);
            fs::create_dir(&path).expect("cannot create a folder");
            path
        };
        let (configuration, output, home, temporary) = (create("main"), create("out"), create("home"), create("tmp"));
        // A folder of its own: the build folder has further files whose names begin like the provider's.
        let provider = create("provider");
        symlink(PROVIDER, provider.join("terraform-provider-multicloud")).expect("cannot link the provider");
        let settings = folder.path().join("cli.tfrc");
        write_settings(&settings, &[("multicloud-rs/multicloud", &provider)]);
        let environment = [
            ("PATH", std::env::var("PATH").unwrap_or_default()),
            ("HOME", home.display().to_string()),
            ("TMPDIR", temporary.display().to_string()),
            ("TF_CLI_CONFIG_FILE", settings.display().to_string()),
            ("TF_IN_AUTOMATION", "1".to_owned()),
            ("CHECKPOINT_DISABLE", "1".to_owned()),
            // The machine may be one of AWS's: what it would lend must not decide a test.
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value)).to_vec();
        Self { cli: cli.clone(), folder, configuration, output, provider, environment }
    }

    /// Sets an environment variable for every later run.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Lets configurations use another provider too, from the folder that its executable lies in.
    #[track_caller]
    pub(crate) fn add_provider(&mut self, source: &str, folder: &Path) {
        let settings = self.folder.path().join("cli.tfrc");
        write_settings(&settings, &[("multicloud-rs/multicloud", &self.provider), (source, folder)]);
    }

    /// Writes a file of the configuration.
    #[track_caller]
    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.configuration.join(name), text).expect("cannot write the configuration");
    }

    /// Removes a file of the configuration.
    #[track_caller]
    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.configuration.join(name)).expect("cannot remove the file");
    }

    /// Reads a file of the configuration's folder.
    #[track_caller]
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.configuration.join(name)).unwrap_or_else(|error| panic!("cannot read {name}: {error}"))
    }

    /// Where the configuration lies.
    pub(crate) fn path(&self) -> &Path {
        &self.configuration
    }

    /// Runs a command to its end.
    #[track_caller]
    pub(crate) fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Outcome {
        self.start(arguments).finish()
    }

    /// Starts a command.
    #[track_caller]
    pub(crate) fn start<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Running {
        let mut command = Command::new(self.cli.path());
        command.args(arguments);
        self.start_command(command)
    }

    /// Runs a command with another program before the command line, such as one that takes the network away.
    #[track_caller]
    pub(crate) fn run_under(&self, wrapper: &[&str], arguments: &[&str]) -> Outcome {
        let mut command = Command::new(wrapper[0]);
        command.args(&wrapper[1..]).arg(self.cli.path()).args(arguments);
        self.start_command(command).finish()
    }

    #[track_caller]
    fn start_command(&self, mut command: Command) -> Running {
        command.current_dir(&self.configuration).env_clear().envs(self.environment.iter().cloned());
        Running::start(&mut command, &self.output)
    }

    /// Applies without asking.
    #[track_caller]
    pub(crate) fn apply(&self) -> Outcome {
        self.run(["apply", "-auto-approve", "-input=false", "-no-color"])
    }

    /// Starts an apply without asking.
    #[track_caller]
    pub(crate) fn start_apply(&self) -> Running {
        self.start(["apply", "-auto-approve", "-input=false", "-no-color"])
    }

    /// Destroys without asking.
    #[track_caller]
    pub(crate) fn destroy(&self) -> Outcome {
        self.run(["destroy", "-auto-approve", "-input=false", "-no-color"])
    }

    /// Plans, and demands that it succeeds.
    #[track_caller]
    pub(crate) fn plan(&self) -> Plan {
        self.run(["plan", "-input=false", "-no-color", "-out=tfplan"]).succeeds();
        self.show_plan()
    }

    /// The plan that was last written to `tfplan`.
    #[track_caller]
    pub(crate) fn show_plan(&self) -> Plan {
        let shown = self.run(["show", "-json", "tfplan"]).succeeds();
        Plan::new(serde_json::from_str(&shown.stdout).expect("`show -json` is not JSON"))
    }

    /// Demands that there is nothing to do.
    #[track_caller]
    pub(crate) fn plans_empty(&self) {
        let outcome = self.run(["plan", "-input=false", "-no-color", "-detailed-exitcode"]);
        assert_eq!(outcome.status.code(), Some(0), "the plan is not empty: {}", outcome.transcript());
    }

    /// The state file.
    #[track_caller]
    pub(crate) fn state(&self) -> State {
        let text = fs::read_to_string(self.configuration.join("terraform.tfstate")).unwrap_or_else(|_| "{}".to_owned());
        State::new(serde_json::from_str(&text).expect("the state file is not JSON"))
    }

    /// The outputs of the last apply.
    #[track_caller]
    pub(crate) fn outputs(&self) -> Value {
        let outcome = self.run(["output", "-json"]).succeeds();
        serde_json::from_str(&outcome.stdout).expect("`output -json` is not JSON")
    }

    /// The process ids of the providers that run in this workspace now.
    pub(crate) fn provider_processes(&self) -> Vec<String> {
        let marker = self.provider.display().to_string();
        let processes = fs::read_dir("/proc").expect("cannot list processes").filter_map(Result::ok);
        let names = processes.filter_map(|entry| entry.file_name().into_string().ok());
        names
            .filter(|id| fs::read_to_string(format!("/proc/{id}/cmdline")).is_ok_and(|line| line.starts_with(&marker)))
            .collect()
    }

    /// Every file that the runs left, with its contents: state, plans, logs, output.
    #[track_caller]
    pub(crate) fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        let mut folders = vec![self.configuration.clone(), self.output.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("cannot list a folder") {
                let path = entry.expect("cannot list a folder").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    found.push((path.clone(), fs::read(&path).expect("cannot read a file")));
                }
            }
        }
        found
    }
}

/// Writes the command line's own settings: providers come from these folders and from nowhere else.
#[track_caller]
fn write_settings(file: &Path, providers: &[(&str, &Path)]) {
    let overrides: String = providers
        .iter()
        .map(|(source, folder)| format!("    {source:?} = {:?}\n", folder.display().to_string()))
        .collect();
    let text = format!("provider_installation {{\n  dev_overrides {{\n{overrides}  }}\n  direct {{}}\n}}\n");
    fs::write(file, text).expect("cannot write the CLI configuration");
}
