output "environments" {
  description = "What came of each environment, by name."
  value = {
    for name, environment in multicloud_environment.this : name => {
      id                 = environment.id
      status             = environment.status
      endpoint           = environment.endpoint
      kubernetes_version = environment.kubernetes_version
      oidc_issuer_url    = environment.oidc_issuer_url
    }
  }
}
