data "multicloud_environment" "east" {
  id = "eks/123456789012/us-east-1/workload-aws-east"
}

output "endpoint" {
  value = data.multicloud_environment.east.endpoint
}
