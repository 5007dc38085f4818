ephemeral "multicloud_kubeconfig" "east" {
  environment_id = "eks/123456789012/us-east-1/workload-aws-east"
}

# Another provider takes it without it ever being in a plan or a state:
#
# provider "kubernetes" {
#   host                   = ephemeral.multicloud_kubeconfig.east.host
#   cluster_ca_certificate = base64decode(ephemeral.multicloud_kubeconfig.east.certificate_authority_data)
#   token                  = ephemeral.multicloud_kubeconfig.east.token
# }
