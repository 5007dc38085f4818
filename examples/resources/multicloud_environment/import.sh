terraform import multicloud_environment.east eks/123456789012/us-east-1/workload-aws-east
