locals {
  environments = provider::multicloud::environments(file(var.file))

  # What an entry says of its subnets goes before what is given for its region.
  subnet_ids = {
    for name, environment in local.environments : name => try(
      coalescelist(environment.aks.subnet_ids),
      coalescelist(environment.eks.subnet_ids),
      var.subnet_ids[environment.region],
      [],
    )
  }
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

  network             = length(local.subnet_ids[each.key]) == 0 ? null : { subnet_ids = local.subnet_ids[each.key] }
  tags                = each.value.tags
  deletion_protection = var.deletion_protection

  # The block of the entry's own cloud is set; the others are null.
  aks = each.value.aks
  eks = each.value.eks
  gke = each.value.gke
}
