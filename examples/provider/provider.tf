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
