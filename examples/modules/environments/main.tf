locals {
  environments = provider::multicloud::environments(file(var.file))
}

resource "multicloud_environment" "this" {
  for_each = local.environments

  name       = each.value.name
  role       = each.value.role
  region     = each.value.region
  kubernetes = { version = each.value.kubernetes.version }

  node_pools = {
    for name, pool in each.value.node_pools : name => {
      machine_type = pool.machine_type
      count        = pool.count
      autoscale    = pool.autoscale
      mode         = name == "system" ? "system" : "user"
    }
  }

  network             = { subnet_ids = var.subnet_ids[each.value.region] }
  tags                = each.value.tags
  deletion_protection = var.deletion_protection
  eks                 = each.value.eks
}
