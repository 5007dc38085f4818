terraform {
  required_version = ">= 1.8"

  required_providers {
    multicloud = {
      source  = "multicloud-rs/multicloud"
      version = "~> 0.1"
    }
  }
}
