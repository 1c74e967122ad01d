from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest

NODES = 2


@pytest.fixture(scope="session")
def ray_nodes() -> Iterator[Any]:
    """A Ray cluster of two nodes on this machine, which this process has joined.

    Where Ray is not installed, what needs it is skipped, by name.
    """
    if find_spec("ray") is None:
        if "CI" in os.environ:
            raise ModuleNotFoundError("`ray` is not installed; `pip install 'cultivar[ray]'`.")
        pytest.skip("Ray is not installed.")
    os.environ["RAY_AUTH_MODE"] = "token"
    os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    utilities: Any = import_module("ray.cluster_utils")
    ray: Any = import_module("ray")
    head = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 80 << 20}
    cluster = utilities.Cluster(initialize_head=True, head_node_args=head)
    try:
        cluster.add_node(num_cpus=1, object_store_memory=80 << 20)
        ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
        assert len(ray.nodes()) == NODES
        yield ray
    finally:
        ray.shutdown()
        cluster.shutdown()
