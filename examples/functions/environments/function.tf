locals {
  environments = provider::multicloud::environments(file("${path.module}/environments.yaml"))
}

output "regions" {
  value = { for name, environment in local.environments : name => environment.region }
}
