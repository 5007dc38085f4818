resource "multicloud_environment" "west" {
  name       = "workload-azure-west"
  role       = "workload"
  region     = "westeurope"
  kubernetes = { version = "1.33" }

  node_pools = {
    system = { machine_type = "Standard_D2s_v5", count = 3, mode = "system", zones = ["1", "2", "3"] }
    apps   = { machine_type = "Standard_D4s_v5", autoscale = { min = 2, max = 10 }, max_surge = "33%" }
  }

  tags = { cost-center = "1234" }

  aks = {
    resource_group_name = "platform"
    sku_tier            = "Standard"
    oidc_issuer         = true
    workload_identity   = true
  }
}
