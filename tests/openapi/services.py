"""All services of one deployment in this process, from the configuration files of a local deployment."""

import time
from pathlib import Path

from fastapi import FastAPI

from trunkline.jager.authority.accountability import app as accountability
from trunkline.jager.authority.accountability.config import AccountabilityConfig
from trunkline.jager.authority.authorization import app as authorization
from trunkline.jager.authority.authorization.config import AuthorizationConfig
from trunkline.jager.authority.labels import app as labels
from trunkline.jager.authority.labels.config import LabelsConfig
from trunkline.jager.authority.membership import app as membership
from trunkline.jager.authority.membership.config import MembershipConfig
from trunkline.jager.deployment.ceremony import Terms
from trunkline.jager.deployment.local import LocalCarrier, LocalDeployment
from trunkline.jager.record_store import app as record_store
from trunkline.jager.record_store import config as record_store_config
from trunkline.service.config import load_config

CARRIER = "alpha"
DEPLOYMENT = "openapi"


def make_deployment(directory: Path) -> LocalDeployment:
    """A deployment with one carrier; nothing of it runs."""
    deployment = LocalDeployment(directory)
    deployment.create(Terms(DEPLOYMENT), [LocalCarrier(CARRIER, "Alpha")])
    return deployment


def make_services(deployment: LocalDeployment) -> dict[str, FastAPI]:
    """The applications of all services by name."""
    models = {
        labels: LabelsConfig,
        membership: MembershipConfig,
        authorization: AuthorizationConfig,
        accountability: AccountabilityConfig,
    }
    made = {}
    for module, model in models.items():
        path = deployment.directory / "authority" / module.ROLE / "config.toml"
        made[module.ROLE] = module.create(load_config(path, model, section=module.ROLE), time.time)
    store = record_store_config.load(deployment.directory / "record-store" / "config.toml")
    made[record_store.SERVICE] = record_store.create(store, time.time)
    return made
