import {
  to = multicloud_environment.east
  identity = {
    backend = "eks"
    account = "123456789012"
    region  = "us-east-1"
    name    = "workload-aws-east"
  }
}
