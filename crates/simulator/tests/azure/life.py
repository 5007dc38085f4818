"""The life of a cluster, led by Azure's own SDK. Arguments: the simulator's ready line; the kind of credential."""

import base64
import datetime
import json
import os
import sys
import time

urls = json.loads(sys.argv[1])
os.environ["REQUESTS_CA_BUNDLE"] = urls["ca_bundle"]

from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.identity import (
    CertificateCredential,
    ClientAssertionCredential,
    ClientSecretCredential,
    ManagedIdentityCredential,
)
from azure.mgmt.containerservice import ContainerServiceClient
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

SUBSCRIPTION = "00000000-0000-4000-8000-000000000001"
GROUP, NAME = "platform", "c"


class Token:
    """A credential of the simplest kind."""

    def get_token(self, *scopes, **options):
        return AccessToken("some-token", int(time.time()) + 3600)


def certificate():
    """A certificate with its key, of nobody in particular."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "some-client")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    plain = serialization.NoEncryption()
    encoding = serialization.Encoding.PEM
    return key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain) + made.sign(
        key, hashes.SHA256()
    ).public_bytes(encoding)


def federated():
    """A token as an identity provider gives it."""
    part = lambda value: base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
    return f"{part({'alg': 'RS256'})}.{part({'sub': 'pipeline', 'exp': int(time.time()) + 600})}.c2lnbmVk"


def credential(kind):
    # Discovery of the login's instance goes to Microsoft's own host unless it is turned off.
    place = {"authority": urls["azure_authority"], "disable_instance_discovery": True}
    who = ("some-tenant", "some-client")
    if kind == "token":
        return Token()
    if kind == "secret":
        return ClientSecretCredential(*who, "some-secret", **place)
    if kind == "certificate":
        return CertificateCredential(*who, certificate_data=certificate(), **place)
    if kind == "federated":
        return ClientAssertionCredential(*who, federated, **place)
    if kind == "managed":
        os.environ["IDENTITY_ENDPOINT"] = urls["azure_authority"] + "/msi/token"
        os.environ["IDENTITY_HEADER"] = "some-header"
        return ManagedIdentityCredential(client_id="some-client")
    raise AssertionError(kind)


client = ContainerServiceClient(
    credential(sys.argv[2]),
    SUBSCRIPTION,
    base_url=urls["azure"],
    credential_scopes=[urls["azure"] + "/.default"],
    api_version="2025-10-01",
    polling_interval=0,
)
clusters, pools = client.managed_clusters, client.agent_pools


def settled(change):
    """AKS may go on by itself after an operation, and then asks to wait."""
    for _ in range(20):
        try:
            return change().result()
        except HttpResponseError as error:
            if error.status_code != 409:
                raise
            clusters.get(GROUP, NAME)
    raise AssertionError("busy for ever")


def seen(read):
    """What was made just now may not be seen by the next read."""
    for _ in range(5):
        try:
            return read()
        except ResourceNotFoundError:
            pass
    return read()


made = settled(lambda: clusters.begin_create_or_update(GROUP, NAME, {
    "location": "eastus",
    "identity": {"type": "SystemAssigned"},
    "tags": {"team": "platform"},
    "properties": {
        "dnsPrefix": NAME,
        "kubernetesVersion": "1.32",
        "agentPoolProfiles": [
            {"name": "system", "count": 1, "vmSize": "Standard_D2s_v5", "mode": "System"},
            {"name": "apps", "count": 2, "vmSize": "Standard_D4s_v5", "mode": "User"},
        ],
    },
}))
assert made.properties.current_kubernetes_version == "1.32.9", made.properties.current_kubernetes_version
assert [pool.os_disk_size_gb for pool in made.properties.agent_pool_profiles] == [128, 128]
assert made.tags == {"team": "platform"}
assert seen(lambda: clusters.get(GROUP, NAME)).properties.provisioning_state == "Succeeded"

pool = seen(lambda: pools.get(GROUP, NAME, "apps"))
pool.properties.count = 3
assert settled(lambda: pools.begin_create_or_update(GROUP, NAME, "apps", pool)).properties.count == 3

fresh = {"properties": {"count": 1, "vmSize": "Standard_D2s_v5", "nodeTaints": ["k=v:NoSchedule"]}}
settled(lambda: pools.begin_create_or_update(GROUP, NAME, "more", fresh))
assert [pool.name for pool in pools.list(GROUP, NAME)] == ["system", "apps", "more"]

cluster = clusters.get(GROUP, NAME)
cluster.properties.kubernetes_version = "1.33"
cluster = settled(lambda: clusters.begin_create_or_update(GROUP, NAME, cluster))
assert cluster.properties.current_kubernetes_version == "1.33.5"
assert {pool.current_orchestrator_version for pool in cluster.properties.agent_pool_profiles} == {"1.32.9"}
pool = pools.get(GROUP, NAME, "apps")
pool.properties.orchestrator_version = "1.33"
pool = settled(lambda: pools.begin_create_or_update(GROUP, NAME, "apps", pool))
assert pool.properties.current_orchestrator_version == "1.33.5"

settled(lambda: pools.begin_delete(GROUP, NAME, "more"))
assert [pool.name for pool in pools.list(GROUP, NAME)] == ["system", "apps"]

config = json.loads(bytes(clusters.list_cluster_user_credentials(GROUP, NAME).kubeconfigs[0].value))
assert config["clusters"][0]["cluster"]["server"].startswith("https://"), config["clusters"]
assert config["users"][0]["user"]["token"]

settled(lambda: clusters.begin_update_tags(GROUP, NAME, {"tags": {"team": "apps"}}))
settled(lambda: clusters.begin_delete(GROUP, NAME))
assert list(clusters.list()) == []
