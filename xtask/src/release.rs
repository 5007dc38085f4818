//! `cargo xtask release`: archives in the form that provider registries take, and the proof that one installs and runs.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use sha2::{Digest, Sha256};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::plugin::Plugin;
use crate::tools::{opentofu, terraform, zigbuild};
use crate::{process, workspace};

const NAME: &str = "terraform-provider-multicloud";

/// The options of `cargo xtask release`.
#[derive(Args)]
pub(crate) struct Options {
    /// What to build for; may be given more than once.
    #[arg(long = "target", value_enum, default_values_t = [Target::LinuxAmd64])]
    targets: Vec<Target>,
    /// Builds for every target, goes on where one fails, and lists what came of each.
    #[arg(long, conflicts_with = "targets")]
    all: bool,
    /// Starts the archive's binary in an empty root and installs the archive with terraform and tofu.
    #[arg(long)]
    check: bool,
    /// Where the archives go; `dist` in the target folder unless given.
    #[arg(long)]
    output: Option<PathBuf>,
}

/// A platform, by the name that registries use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Target {
    /// Static; the one that hosted runners need.
    LinuxAmd64,
    /// Static.
    LinuxArm64,
    /// Static, ARMv6 with hardware floating point, which runs on ARMv7 too.
    LinuxArm,
    /// Intel Macs.
    DarwinAmd64,
    /// Apple silicon.
    DarwinArm64,
    /// Windows.
    WindowsAmd64,
    /// FreeBSD.
    FreebsdAmd64,
}

impl Target {
    fn triple(self) -> &'static str {
        match self {
            Self::LinuxAmd64 => "x86_64-unknown-linux-musl",
            Self::LinuxArm64 => "aarch64-unknown-linux-musl",
            Self::LinuxArm => "arm-unknown-linux-musleabihf",
            Self::DarwinAmd64 => "x86_64-apple-darwin",
            Self::DarwinArm64 => "aarch64-apple-darwin",
            Self::WindowsAmd64 => "x86_64-pc-windows-gnu",
            Self::FreebsdAmd64 => "x86_64-unknown-freebsd",
        }
    }

    fn platform(self) -> &'static str {
        match self {
            Self::LinuxAmd64 => "linux_amd64",
            Self::LinuxArm64 => "linux_arm64",
            Self::LinuxArm => "linux_arm",
            Self::DarwinAmd64 => "darwin_amd64",
            Self::DarwinArm64 => "darwin_arm64",
            Self::WindowsAmd64 => "windows_amd64",
            Self::FreebsdAmd64 => "freebsd_amd64",
        }
    }

    fn executable_suffix(self) -> &'static str {
        match self {
            Self::WindowsAmd64 => ".exe",
            Self::LinuxAmd64
            | Self::LinuxArm64
            | Self::LinuxArm
            | Self::DarwinAmd64
            | Self::DarwinArm64
            | Self::FreebsdAmd64 => "",
        }
    }

    fn archive_name(self) -> String {
        format!("{NAME}_{}_{}.zip", workspace::VERSION, self.platform())
    }
}

/// Builds the archives, their sums and the manifest.
///
/// # Errors
/// When a target does not build (with `--all`: when none does) or the check fails.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let output = options.output.clone().unwrap_or_else(|| workspace::target_dir().join("dist"));
    // Sums and manifest describe exactly what lies beside them, so nothing old may stay.
    if output.exists() {
        fs::remove_dir_all(&output).with_context(|| format!("cannot empty {}", output.display()))?;
    }
    fs::create_dir_all(&output).with_context(|| format!("cannot create {}", output.display()))?;
    let mut archives = Vec::new();
    let targets = if options.all { Target::value_variants() } else { &options.targets };
    for &target in targets {
        match archive(target, &output) {
            Ok(path) => {
                println!("{}: {}", target.platform(), path.display());
                archives.push(path);
            }
            Err(error) if options.all => println!("{}: not built: {error:#}", target.platform()),
            Err(error) => return Err(error),
        }
    }
    ensure!(!archives.is_empty(), "no target was built");
    sum_up(&output, archives)?;
    if options.check {
        check(&output, &[opentofu::ensure()?.required()?, terraform::find().required()?])?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Builds the archive for linux_amd64 into a folder of its own, starts it, and installs it with these command lines.
///
/// # Errors
/// When it does not build, start or install.
pub(crate) fn check_fresh(programs: &[PathBuf]) -> Result<()> {
    let output = workspace::target_dir().join("dist-check");
    run(&Options { targets: vec![Target::LinuxAmd64], all: false, check: false, output: Some(output.clone()) })?;
    check(&output, programs)
}

/// The release binary for a target, built with the frozen dependencies.
///
/// # Errors
/// When it does not build.
pub(crate) fn build(target: Target) -> Result<PathBuf> {
    let path = workspace::path_with(&zigbuild::ensure()?.required()?)?;
    if workspace::find_in_path("rustup").is_some() {
        let mut rustup = Command::new("rustup");
        process::output(rustup.current_dir(workspace::root()).args(["target", "add", target.triple()]))?;
    }
    let mut cargo = workspace::cargo();
    cargo.args(["zigbuild", "--release", "--locked", "--package", NAME, "--target", target.triple()]).env("PATH", path);
    process::run(&mut cargo)?;
    let folder = workspace::target_dir().join(target.triple()).join("release");
    Ok(folder.join(format!("{NAME}{}", target.executable_suffix())))
}

fn archive(target: Target, output: &Path) -> Result<PathBuf> {
    let binary = fs::read(build(target)?).context("cannot read the built binary")?;
    let licence = fs::read(workspace::root().join("LICENSE")).context("cannot read LICENSE")?;
    let path = output.join(target.archive_name());
    let file = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
    let mut zip = ZipWriter::new(file);
    // The default time is a fixed one: the same sources give the same archive.
    let options = SimpleFileOptions::default();
    zip.start_file("LICENSE", options.unix_permissions(0o644))?;
    zip.write_all(&licence)?;
    let name = format!("{NAME}_v{}{}", workspace::VERSION, target.executable_suffix());
    zip.start_file(name, options.unix_permissions(0o755))?;
    zip.write_all(&binary)?;
    zip.finish()?;
    Ok(path)
}

/// Writes the manifest and the sums over it and every archive.
fn sum_up(output: &Path, mut files: Vec<PathBuf>) -> Result<()> {
    let manifest = output.join(format!("{NAME}_{}_manifest.json", workspace::VERSION));
    fs::copy(workspace::root().join("terraform-registry-manifest.json"), &manifest)
        .context("cannot copy the manifest")?;
    files.push(manifest);
    files.sort();
    let mut sums = String::new();
    for file in files {
        let contents = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let sum: String = Sha256::digest(&contents).iter().map(|byte| format!("{byte:02x}")).collect();
        sums.push_str(&format!("{sum}  {name}\n"));
    }
    fs::write(output.join(format!("{NAME}_{}_SHA256SUMS", workspace::VERSION)), sums).context("cannot write the sums")
}

/// Shows that the archive for this machine runs in an empty root and installs from a local mirror.
fn check(output: &Path, programs: &[PathBuf]) -> Result<()> {
    let archive = output.join(Target::LinuxAmd64.archive_name());
    ensure!(archive.exists(), "the check needs the archive for linux_amd64");
    starts_in_an_empty_root(&archive)?;
    programs.iter().try_for_each(|program| installs(&archive, program))
}

fn starts_in_an_empty_root(archive: &Path) -> Result<()> {
    let root = tempfile::tempdir()?;
    let mut zip = zip::ZipArchive::new(File::open(archive)?)?;
    zip.extract(root.path())?;
    fs::remove_file(root.path().join("LICENSE"))?;
    let program = format!("/{NAME}_v{}", workspace::VERSION);
    // Only in a user namespace of our own may we change the root without being root.
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--root"]).arg(root.path()).arg(&program).env_clear();
    let plugin = Plugin::start(&mut command)?;
    println!("started in an empty root: {} after {:?}", plugin.handshake(), plugin.handshake_time());
    Ok(())
}

fn installs(archive: &Path, cli: &Path) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mirror = folder.path().join("mirror");
    // Each command line looks under its own registry's name.
    for registry in ["registry.opentofu.org", "registry.terraform.io"] {
        let packages = mirror.join(registry).join("multicloud-rs").join("multicloud");
        fs::create_dir_all(&packages)?;
        fs::copy(archive, packages.join(Target::LinuxAmd64.archive_name()))?;
    }
    let cli_configuration = folder.path().join("cli.tfrc");
    fs::write(
        &cli_configuration,
        format!(
            "provider_installation {{\n  filesystem_mirror {{\n    path = {:?}\n  }}\n}}\n",
            mirror.display().to_string()
        ),
    )?;
    let main = folder.path().join("main");
    fs::create_dir(&main)?;
    fs::write(
        main.join("main.tf"),
        format!(
            "terraform {{\n  required_providers {{\n    multicloud = {{\n      source  = \"multicloud-rs/multicloud\"\n      version = \"{}\"\n    }}\n  }}\n}}\n",
            workspace::VERSION
        ),
    )?;
    let run = |arguments: &[&str]| {
        let mut command = Command::new(cli);
        command.current_dir(&main).args(arguments).env("TF_CLI_CONFIG_FILE", &cli_configuration);
        process::output(command.env("CHECKPOINT_DISABLE", "1"))
    };
    run(&["init", "-input=false", "-no-color"])?;
    let schemas = run(&["providers", "schema", "-json"])?;
    ensure!(schemas.contains("multicloud_environment"), "{} installed a provider without resources", cli.display());
    println!("installed by {} from a local mirror", cli.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_are_named_as_registries_demand() {
        let name = format!("terraform-provider-multicloud_{}_linux_amd64.zip", workspace::VERSION);
        assert_eq!(Target::LinuxAmd64.archive_name(), name);
    }

    #[test]
    fn the_manifest_says_protocol_6() {
        let text = fs::read_to_string(workspace::root().join("terraform-registry-manifest.json")).unwrap();
        let manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(manifest, serde_json::json!({"version": 1, "metadata": {"protocol_versions": ["6.0"]}}));
    }

    #[test]
    fn the_releaser_builds_the_same_targets() {
        let text = fs::read_to_string(workspace::root().join(".goreleaser.yml")).unwrap();
        for target in Target::value_variants() {
            assert!(text.contains(target.triple()), "{} is missing in .goreleaser.yml", target.triple());
        }
    }
}
