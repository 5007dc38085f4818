//! The operations of EKS and where they are found, as the service description (2017-11-01) has them.

use http::Method;

use crate::percent;

macro_rules! operations {
    ($($name:ident $method:ident $path:literal;)*) => {
        /// An operation of EKS.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Operation { $($name,)* }

        impl Operation {
            pub(super) const ALL: &[Operation] = &[$(Operation::$name,)*];

            pub(super) fn name(self) -> &'static str {
                match self { $(Operation::$name => stringify!($name),)* }
            }

            fn route(self) -> (Method, &'static str) {
                match self { $(Operation::$name => (Method::$method, $path),)* }
            }
        }
    };
}

operations! {
    CreateCluster POST "/clusters";
    ListClusters GET "/clusters";
    DescribeCluster GET "/clusters/{}";
    DeleteCluster DELETE "/clusters/{}";
    UpdateClusterVersion POST "/clusters/{}/updates";
    UpdateClusterConfig POST "/clusters/{}/update-config";
    AssociateEncryptionConfig POST "/clusters/{}/encryption-config/associate";
    CreateNodegroup POST "/clusters/{}/node-groups";
    ListNodegroups GET "/clusters/{}/node-groups";
    DescribeNodegroup GET "/clusters/{}/node-groups/{}";
    DeleteNodegroup DELETE "/clusters/{}/node-groups/{}";
    UpdateNodegroupConfig POST "/clusters/{}/node-groups/{}/update-config";
    UpdateNodegroupVersion POST "/clusters/{}/node-groups/{}/update-version";
    ListUpdates GET "/clusters/{}/updates";
    DescribeUpdate GET "/clusters/{}/updates/{}";
    CreateAccessEntry POST "/clusters/{}/access-entries";
    ListAccessEntries GET "/clusters/{}/access-entries";
    DescribeAccessEntry GET "/clusters/{}/access-entries/{}";
    UpdateAccessEntry POST "/clusters/{}/access-entries/{}";
    DeleteAccessEntry DELETE "/clusters/{}/access-entries/{}";
    AssociateAccessPolicy POST "/clusters/{}/access-entries/{}/access-policies";
    ListAssociatedAccessPolicies GET "/clusters/{}/access-entries/{}/access-policies";
    DisassociateAccessPolicy DELETE "/clusters/{}/access-entries/{}/access-policies/{}";
    ListAccessPolicies GET "/access-policies";
    CreateAddon POST "/clusters/{}/addons";
    ListAddons GET "/clusters/{}/addons";
    DescribeAddon GET "/clusters/{}/addons/{}";
    UpdateAddon POST "/clusters/{}/addons/{}/update";
    DeleteAddon DELETE "/clusters/{}/addons/{}";
    DescribeAddonVersions GET "/addons/supported-versions";
    DescribeClusterVersions GET "/cluster-versions";
    ListInsights POST "/clusters/{}/insights";
    DescribeInsight GET "/clusters/{}/insights/{}";
    ListFargateProfiles GET "/clusters/{}/fargate-profiles";
    TagResource POST "/tags/{}";
    UntagResource DELETE "/tags/{}";
    ListTagsForResource GET "/tags/{}";
}

impl Operation {
    /// The operation of a request, with the decoded labels of its path.
    pub(super) fn find(method: &Method, path: &str) -> Option<(Operation, Vec<String>)> {
        Operation::ALL.iter().find_map(|operation| {
            let (wanted, pattern) = operation.route();
            let labels = if *method == wanted { labels(pattern, path)? } else { return None };
            Some((*operation, labels))
        })
    }
}

fn labels(pattern: &str, path: &str) -> Option<Vec<String>> {
    // Segments are told apart before they are decoded: an ARN in a label has slashes of its own.
    let (pattern, path): (Vec<_>, Vec<_>) = (pattern.split('/').collect(), path.split('/').collect());
    if pattern.len() != path.len() {
        return None;
    }
    let mut labels = Vec::new();
    for (wanted, found) in pattern.into_iter().zip(path) {
        match wanted {
            "{}" if !found.is_empty() => labels.push(percent::decode(found)),
            _ if wanted == found => {}
            _ => return None,
        }
    }
    Some(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_in_the_path_is_one_label() {
        let path = "/clusters/c/access-entries/arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr/access-policies";
        let (operation, labels) = Operation::find(&Method::POST, path).unwrap();
        assert_eq!(operation, Operation::AssociateAccessPolicy);
        assert_eq!(labels, ["c", "arn:aws:iam::1:role/r"]);
        assert_eq!(Operation::find(&Method::GET, "/clusters//node-groups"), None);
        assert_eq!(Operation::find(&Method::PUT, "/clusters"), None);
    }
}
