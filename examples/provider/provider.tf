terraform {
  required_providers {
    multicloud = {
      source  = "multicloud-rs/multicloud"
      version = "~> 0.1"
    }
  }
}

provider "multicloud" {
  owner  = "platform"
  azure  = { subscription_id = "00000000-0000-4000-8000-000000000001" }
  aws    = { region = "us-east-1" }
  google = { project = "acme-platform" }
}
