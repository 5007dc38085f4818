resource "multicloud_environment" "europe" {
  name       = "workload-google-europe"
  role       = "workload"
  region     = "europe-west1"
  kubernetes = { version = "1.33" }

  node_pools = {
    system = { machine_type = "e2-standard-2", count = 3, mode = "system" }
    apps   = { machine_type = "e2-standard-4", autoscale = { min = 3, max = 9 }, spot = true }
  }

  tags = { cost-center = "1234" }

  gke = { release_channel = "REGULAR" }
}
