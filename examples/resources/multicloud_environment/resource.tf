resource "multicloud_environment" "east" {
  name       = "workload-aws-east"
  role       = "workload"
  region     = "us-east-1"
  kubernetes = { version = "1.33" }

  node_pools = {
    system = { machine_type = "t3.large", count = 3, mode = "system" }
    apps = {
      machine_type = "m7i.xlarge"
      autoscale    = { min = 2, max = 10 }
      labels       = { tier = "web" }
      taints       = [{ key = "dedicated", value = "apps", effect = "NoSchedule" }]
    }
  }

  network = { subnet_ids = ["subnet-0000000000000000a", "subnet-0000000000000000b"] }
  tags    = { cost-center = "1234" }

  eks = {
    role_arn      = "arn:aws:iam::123456789012:role/eks-cluster"
    node_role_arn = "arn:aws:iam::123456789012:role/eks-node"
  }
}
