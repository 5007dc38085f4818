variable "file" {
  description = "The environments.yaml that says which environments there are."
  type        = string
}

variable "subnet_ids" {
  description = "The subnets of each region, for entries that name none."
  type        = map(list(string))
  default     = {}
}

variable "deletion_protection" {
  description = "Whether a destroy is refused."
  type        = bool
  default     = true
}
