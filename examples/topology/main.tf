terraform {
  required_providers {
    multicloud = {
      source  = "multicloud-rs/multicloud"
      version = "~> 0.1"
    }
  }
}

provider "multicloud" {
  owner = "platform"
  aws   = { region = "us-east-1" }
}

module "environments" {
  source = "../modules/environments"

  file = "${path.module}/environments.yaml"
  subnet_ids = {
    us-east-1 = ["subnet-0000000000000000a", "subnet-0000000000000000b"]
    us-west-2 = ["subnet-0000000000000000a", "subnet-0000000000000000b"]
  }
  deletion_protection = false
}

output "environments" {
  value = module.environments.environments
}
