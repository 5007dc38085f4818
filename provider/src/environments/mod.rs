//! `provider::multicloud::environments(yaml)`: the one file that says which environments there are, for `for_each`.

mod read;
mod tree;

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use tfplug::model::AttributeType;
use tfplug::schema::{Attribute, AttributeKind, Presence};
use tfplug::value::CodecError;
use tfplug::{Attr, Function, FunctionError, ListOf, MapOf, Model, Path, Type, Value};

use crate::environment::model::{Aks, Eks, Gke, Role};

/// Mistakes that one run tells: a screen of them.
const MAX_TOLD: usize = 20;

/// `environments`.
#[derive(Clone, Copy, Debug)]
pub struct Environments;

/// Reads a file that lists environments, and gives those that are enabled, by name, for `for_each`.
///
/// Each entry has `name`, `role` (`admin` or `workload`), `provider`, `type` (`cloud` or `hci`), `region`, and may have
/// `enabled`, `components` and `tags`. Its `infrastructure` has `kubernetes` with `provider`, `version` and
/// `node_pools`, whose pools have `count` or `autoscale` and one of `vm_size`, `instance_type` and `machine_type`; and it
/// may have a block named like the backend, such as `eks`, which passes through as that attribute of
/// `multicloud_environment`; on AKS and EKS with `subnet_ids` besides.
///
/// Unknown keys, duplicate names and all other mistakes are errors with line and column. Of the enabled environments,
/// exactly one has the role `admin`.
#[derive(Clone, Debug, Default, PartialEq, Model)]
pub struct EnvironmentsArguments {
    /// The text of the file: `file("environments.yaml")`.
    #[attribute(required)]
    pub yaml: Attr<String>,
}

/// An environment of the file.
#[derive(Clone, Debug, Default, PartialEq, Model)]
pub struct Entry {
    /// Its name.
    #[attribute(computed)]
    pub name: Attr<String>,
    /// What it is for: `admin` or `workload`.
    #[attribute(computed)]
    pub role: Attr<Role>,
    /// The cloud it is in, such as `aws`.
    #[attribute(computed)]
    pub provider: Attr<String>,
    /// Its kind: `cloud` or `hci`.
    #[attribute(computed)]
    pub r#type: Attr<String>,
    /// The region it is in.
    #[attribute(computed)]
    pub region: Attr<String>,
    /// What runs in it, by name.
    #[attribute(computed)]
    pub components: ListOf<String>,
    /// Its tags.
    #[attribute(computed)]
    pub tags: MapOf<String>,
    /// Kubernetes of it.
    #[attribute(computed)]
    pub kubernetes: Attr<EntryKubernetes>,
    /// Its node pools, by name.
    #[attribute(computed)]
    pub node_pools: MapOf<EntryPool>,
    /// What it has as an environment on Azure Kubernetes Service; null for all others.
    #[attribute(computed)]
    pub aks: Attr<Block<Aks>>,
    /// What it has as an environment on Amazon EKS; null for all others.
    #[attribute(computed)]
    pub eks: Attr<Block<Eks>>,
    /// What it has as an environment on Google Kubernetes Engine; null for all others.
    #[attribute(computed)]
    pub gke: Attr<Block<Gke>>,
}

/// Kubernetes of an environment of the file.
#[derive(Clone, Debug, Default, PartialEq, Model)]
pub struct EntryKubernetes {
    /// The backend, such as `eks`.
    #[attribute(computed)]
    pub provider: Attr<String>,
    /// The version, major and minor.
    #[attribute(computed)]
    pub version: Attr<String>,
}

/// A node pool of the file.
#[derive(Clone, Debug, Default, PartialEq, Model)]
pub struct EntryPool {
    /// The machine type of the nodes.
    #[attribute(computed)]
    pub machine_type: Attr<String>,
    /// How many nodes; null where `autoscale` says.
    #[attribute(computed)]
    pub count: Attr<u32>,
    /// Between which bounds; null where `count` says.
    #[attribute(computed)]
    pub autoscale: Attr<EntryAutoscale>,
}

/// Bounds of a pool of the file.
#[derive(Clone, Debug, Default, PartialEq, Model)]
pub struct EntryAutoscale {
    /// The fewest nodes.
    #[attribute(computed)]
    pub min: Attr<u32>,
    /// The most nodes.
    #[attribute(computed)]
    pub max: Attr<u32>,
}

/// What the file says of one cloud: an object of the resource's own attributes, with the subnets where the resource has
/// them in `network`.
pub struct Block<C> {
    value: Value,
    cloud: PhantomData<fn() -> C>,
}

/// A cloud's block of the resource.
pub trait CloudBlock: AttributeType {
    /// Whether `network.subnet_ids` says where it is, which the file says in the block.
    const HAS_SUBNETS: bool;
}

impl CloudBlock for Aks {
    const HAS_SUBNETS: bool = true;
}

impl CloudBlock for Eks {
    const HAS_SUBNETS: bool = true;
}

impl CloudBlock for Gke {
    const HAS_SUBNETS: bool = false;
}

impl<C: CloudBlock> Block<C> {
    fn of(value: Value) -> Self {
        Self { value, cloud: PhantomData }
    }

    /// The attributes that the file's block may have.
    fn kind_in_file() -> AttributeKind {
        match C::kind() {
            AttributeKind::Nested { nesting, mut attributes } => {
                if C::HAS_SUBNETS {
                    let subnets = AttributeKind::Type(Type::list(Type::String));
                    attributes.push(Attribute::new("subnet_ids", subnets, Presence::Optional));
                }
                AttributeKind::Nested { nesting, attributes }
            }
            kind @ AttributeKind::Type(_) => kind,
        }
    }
}

impl<C> Clone for Block<C> {
    fn clone(&self) -> Self {
        Self { value: self.value.clone(), cloud: PhantomData }
    }
}

impl<C> PartialEq for Block<C> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<C> fmt::Debug for Block<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl<C: CloudBlock + 'static> AttributeType for Block<C> {
    fn kind() -> AttributeKind {
        Self::kind_in_file()
    }

    fn decode(value: Value, _: &Path) -> Result<Self, CodecError> {
        Ok(Self::of(value))
    }

    fn encode(&self) -> Value {
        self.value.clone()
    }
}

impl Function for Environments {
    type Arguments = EnvironmentsArguments;
    type Output = BTreeMap<String, Attr<Entry>>;

    fn name(&self) -> &'static str {
        "environments"
    }

    fn summary(&self) -> &'static str {
        "Reads an environments.yaml, for for_each"
    }

    fn call(&self, arguments: EnvironmentsArguments) -> Result<Self::Output, FunctionError> {
        let text = arguments.yaml.known().map_or("", String::as_str);
        let node = tree::parse(text).map_err(|problem| refused(&[problem]))?;
        let Some(node) = node else {
            return Err(FunctionError::argument(0, "The file is empty; it needs the key environments with a list."));
        };
        let entries = read::environments(&node).map_err(|problems| refused(&problems))?;
        Ok(entries.into_iter().map(|(name, entry)| (name, Attr::Known(entry))).collect())
    }
}

fn refused(problems: &[tree::Problem]) -> FunctionError {
    let mut told: Vec<String> = problems.iter().take(MAX_TOLD).map(ToString::to_string).collect();
    if problems.len() > MAX_TOLD {
        told.push(format!("and {} more", problems.len() - MAX_TOLD));
    }
    FunctionError::argument(0, format!("The list of environments has mistakes.\n  {}", told.join("\n  ")))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    const FILE: &str = r#"environments:
  - name: admin-aws-east
    role: admin
    provider: aws
    type: cloud
    region: us-east-1
    enabled: true
    components: [cicd, monitoring]
    infrastructure:
      kubernetes:
        provider: eks
        version: 1.30
        node_pools:
          system: { count: 3, vm_size: "t3.large" }
          apps: { autoscale: { min: 1, max: 4 }, instance_type: m7i.xlarge }
      eks:
        role_arn: arn:aws:iam::123456789012:role/cluster
        node_role_arn: arn:aws:iam::123456789012:role/node
        subnet_ids: [subnet-a, subnet-b]
        private_access: true
        addons: { coredns: {} }
  - name: workload-azure-west
    role: workload
    provider: azure
    type: cloud
    region: westus
    infrastructure:
      kubernetes:
        provider: aks
        version: "1.33"
        node_pools:
          system: { count: 1, machine_type: Standard_D4s_v3 }
      aks: { resource_group_name: platform, subnet_ids: [vnet/apps] }
  - name: workload-google-europe
    role: workload
    provider: gcp
    type: cloud
    region: europe-west1
    infrastructure:
      kubernetes:
        provider: gke
        version: "1.33"
        node_pools:
          system: { count: 3, machine_type: e2-standard-4 }
      gke: { release_channel: STABLE }
  - name: workload-old
    role: workload
    provider: aws
    type: cloud
    region: us-east-1
    enabled: false
    infrastructure:
      kubernetes:
        provider: eks
        version: "1.33"
        node_pools:
          system: { count: 1, machine_type: t3.large }
"#;

    fn call(yaml: &str) -> Result<BTreeMap<String, Attr<Entry>>, String> {
        Environments.call(EnvironmentsArguments { yaml: yaml.into() }).map_err(|error| error.text)
    }

    #[test]
    fn enabled_environments_come_by_name() {
        let entries = call(FILE).unwrap();
        assert_eq!(
            entries.keys().collect::<Vec<_>>(),
            ["admin-aws-east", "workload-azure-west", "workload-google-europe"]
        );
        let admin = entries["admin-aws-east"].known().unwrap();
        assert_eq!(admin.kubernetes.known().unwrap().version, "1.30".into());
        let pools = admin.node_pools.known().unwrap();
        assert_eq!(pools["system"].known().unwrap().machine_type, "t3.large".into());
        assert_eq!(pools["system"].known().unwrap().count, 3.into());
        assert_eq!(pools["apps"].known().unwrap().count, Attr::Null);
        assert_eq!(pools["apps"].known().unwrap().autoscale, EntryAutoscale { min: 1.into(), max: 4.into() }.into());
        let Value::Object(eks) = &admin.eks.known().unwrap().value else { panic!("{:?}", admin.eks) };
        assert_eq!(eks["private_access"], Value::Bool(true));
        assert_eq!(eks["subnet_ids"], Value::List(vec!["subnet-a".into(), "subnet-b".into()]));
        assert_eq!(eks["encryption_key_arn"], Value::Null);
        let azure = entries["workload-azure-west"].known().unwrap();
        assert_eq!(azure.eks, Attr::Null);
        let Value::Object(aks) = &azure.aks.known().unwrap().value else { panic!("{:?}", azure.aks) };
        assert_eq!(aks["resource_group_name"], "platform".into());
        assert_eq!(aks["subnet_ids"], Value::List(vec!["vnet/apps".into()]));
        let google = entries["workload-google-europe"].known().unwrap();
        let Value::Object(gke) = &google.gke.known().unwrap().value else { panic!("{:?}", google.gke) };
        assert_eq!(gke["release_channel"], "STABLE".into());
        assert!(!gke.contains_key("subnet_ids"));
    }

    #[test]
    fn results_have_the_declared_type() {
        let declared = <Environments as Function>::Output::kind().value_type();
        let value = AttributeType::encode(&call(FILE).unwrap());
        let written = tfplug::value::to_msgpack(&value, &declared).unwrap();
        assert_eq!(tfplug::value::from_msgpack(&written, &declared).unwrap(), value);
    }

    #[test]
    fn every_mistake_is_told_with_its_place() {
        let check = |from: &str, to: &str, expected: Expect| {
            assert!(FILE.contains(from), "{from}");
            expected.assert_eq(&call(&FILE.replacen(from, to, 1)).unwrap_err());
        };
        check(
            "role: admin",
            "role: boss",
            expect![[r#"
            The list of environments has mistakes.
              line 3, column 11: role "boss" is neither admin nor workload"#]],
        );
        check(
            "    components:",
            "    componnents:",
            expect![[r#"
            The list of environments has mistakes.
              line 8, column 5: unknown key "componnents"; an environment has name, role, provider, type, region, enabled, components, tags, infrastructure"#]],
        );
        check(
            "role: admin",
            "role: workload",
            expect![[r#"
            The list of environments has mistakes.
              line 2, column 3: no enabled environment has role admin; exactly one must, because it manages the others"#]],
        );
        check(
            "role: workload",
            "role: admin",
            expect![[r#"
            The list of environments has mistakes.
              line 23, column 11: "workload-azure-west" is a second enabled environment with role admin, besides "admin-aws-east"; exactly one has it"#]],
        );
        check(
            "count: 3",
            "count: -3",
            expect![[r#"
            The list of environments has mistakes.
              line 14, column 28: count must be a whole number from 0, not "-3""#]],
        );
        check(
            "name: workload-old",
            "name: admin-aws-east",
            expect![[r#"
                The list of environments has mistakes.
                  line 46, column 11: a second environment is named "admin-aws-east"; the first is at line 2, column 11"#]],
        );
        check(
            "type: cloud",
            "type: moon",
            expect![[r#"
            The list of environments has mistakes.
              line 5, column 11: type "moon" is neither cloud nor hci"#]],
        );
        check(
            "version: 1.30",
            "version: latest",
            expect![[r#"
            The list of environments has mistakes.
              line 12, column 18: Kubernetes version "latest": expected major and minor, such as "1.33""#]],
        );
        check(
            "provider: aws",
            "provider: azure",
            expect![[r#"
            The list of environments has mistakes.
              line 4, column 15: provider "azure" has no eks; write aws"#]],
        );
        check(
            "provider: aks",
            "provider: eks",
            expect![[r#"
                The list of environments has mistakes.
                  line 24, column 15: provider "azure" has no eks; write aws
                  line 33, column 12: the block aks is for Azure Kubernetes Service, and kubernetes.provider is "eks""#]],
        );
        check(
            "provider: aks",
            "provider: akz",
            expect![[r#"
                The list of environments has mistakes.
                  line 29, column 19: kubernetes provider "akz" is not known; it is one of aks, eks, gke, k3s, proxmox, existing"#]],
        );
        check(
            "vm_size: \"t3.large\"",
            "vm_size: a, machine_type: b",
            expect![[r#"
            The list of environments has mistakes.
              line 14, column 40: machine_type and vm_size mean the same; keep one"#]],
        );
        check(
            "vm_size: \"t3.large\"",
            "disk: 3",
            expect![[r#"
            The list of environments has mistakes.
              line 14, column 19: a node pool needs a machine type: vm_size, instance_type or machine_type
              line 14, column 31: unknown key "disk"; a node pool has machine_type, vm_size, instance_type, count, autoscale"#]],
        );
        check(
            "count: 3, ",
            "",
            expect![[r#"
            The list of environments has mistakes.
              line 14, column 19: a node pool needs count, or autoscale with min and max"#]],
        );
        check(
            "count: 3",
            "count: 3, autoscale: { min: 1, max: 2 }",
            expect![[r#"
            The list of environments has mistakes.
              line 14, column 42: count and autoscale exclude each other; keep one"#]],
        );
        check(
            "min: 1, max: 4",
            "min: 5, max: 4",
            expect![[r#"
            The list of environments has mistakes.
              line 15, column 37: min 5 is more than max 4"#]],
        );
        check(
            "system: { count: 3",
            "\"no!\": { count: 3",
            expect![[r#"
            The list of environments has mistakes.
              line 14, column 11: node pool name: character '!' at position 3 is not allowed, expected letters, digits, `-` or `_`, beginning with a letter or digit"#]],
        );
        check(
            "role_arn: arn:aws:iam::123456789012:role/cluster",
            "role: x",
            expect![[r#"
            The list of environments has mistakes.
              line 17, column 9: unknown key "role"; eks has role_arn, node_role_arn, security_group_ids, private_access, authentication_mode, creator_is_admin, log_types, encryption_key_arn, support_type, ami_type, force_upgrade, node_groups, addons, access_entries, subnet_ids
              line 17, column 9: eks needs role_arn"#]],
        );
        check(
            "private_access: true",
            "private_access: maybe",
            expect![[r#"
            The list of environments has mistakes.
              line 20, column 25: private_access must be true or false, not "maybe""#]],
        );
        check(
            "region: us-east-1",
            "region:",
            expect![[r#"
            The list of environments has mistakes.
              line 6, column 11: region is missing"#]],
        );
        check(
            "enabled: true",
            "enabled: 1",
            expect![[r#"
            The list of environments has mistakes.
              line 7, column 14: enabled must be true or false, not "1""#]],
        );
        check(
            "components: [cicd, monitoring]",
            "components: all",
            expect![[r#"
            The list of environments has mistakes.
              line 8, column 17: components must be a list"#]],
        );
        check(
            "      eks:",
            "      proxmox:",
            expect![[r#"
                The list of environments has mistakes.
                  line 16, column 7: unknown key "proxmox"; this version of the provider has no such backend"#]],
        );
        check(
            "      gke:",
            "      aks:",
            expect![[r#"
                The list of environments has mistakes.
                  line 45, column 12: the block aks is for Azure Kubernetes Service, and kubernetes.provider is "gke"
                  line 45, column 12: aks needs resource_group_name
                  line 45, column 14: unknown key "release_channel"; aks has resource_group_name, dns_prefix, sku_tier, network_plugin, network_plugin_mode, network_policy, network_dataplane, disable_local_accounts, identity_ids, entra, oidc_issuer, workload_identity, node_resource_group, agent_pools, subnet_ids"#]],
        );
        check(
            "environments:",
            "environment:",
            expect![[r#"
            The list of environments has mistakes.
              line 1, column 1: unknown key "environment"; the file has environments
              line 1, column 1: environments is missing"#]],
        );
    }

    #[test]
    fn broken_files_are_told_shortly_and_never_panic() {
        for (at, letter) in FILE.char_indices() {
            let without = format!("{}{}", &FILE[..at], &FILE[at + letter.len_utf8()..]);
            for text in [&FILE[..at], &without, &format!("{}\u{0}{}", &FILE[..at], &FILE[at..])] {
                let _ = call(text);
            }
        }
        let long = "x".repeat(500_000);
        for place in
            ["admin\n", "aws\n", "cloud\n", "eks\n", "us-east-1\n", "1.30\n", "apps:", "components:", "true\n", "3,"]
        {
            let said = call(&FILE.replacen(place, &format!("{long}{place}"), 1)).map(|entries| entries.len());
            assert!(said.as_ref().map_or_else(String::len, |_| 0) < 4_000, "{place:?}");
        }
    }

    #[test]
    fn an_empty_file_and_another_form_are_told() {
        expect!["The file is empty; it needs the key environments with a list."].assert_eq(&call("").unwrap_err());
        expect![[r#"
            The list of environments has mistakes.
              line 1, column 1: the file must be a mapping of keys to values"#]]
        .assert_eq(&call("- a\n- b\n").unwrap_err());
        expect![[r#"
            The list of environments has mistakes.
              line 1, column 15: no enabled environment has role admin; exactly one must, because it manages the others"#]].assert_eq(&call("environments: []").unwrap_err());
    }
}
