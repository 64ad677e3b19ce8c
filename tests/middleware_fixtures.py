"""What the tests of middleware begin with: a connector behind plugins, and counters that nobody else has."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest
from redis_server import delete_keys, lacks_redis, provide_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fakes import FakeConnector

    from connector_core import ConfiguredConnector, Host

NO_REDIS = "Redis is not installed"


@pytest.fixture
def equip(make_host: Callable[..., Host]) -> Callable[..., ConfiguredConnector]:
    """Return what configures a fake connector behind plugins."""

    def configure(connector: FakeConnector, *plugins: object) -> ConfiguredConnector:
        return make_host(connector, plugins=plugins)[connector.metadata.id].configure({"token": "made-up-token-1234"})

    return configure


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    if lacks_redis():
        pytest.skip(NO_REDIS)
    with provide_server() as url:
        yield url


@pytest.fixture
def counters_prefix() -> str:
    return f"tests-{uuid.uuid4().hex}"


@pytest.fixture(params=["memory", "redis"])
def counters_place(request: pytest.FixtureRequest, counters_prefix: str) -> Iterator[dict[str, Any]]:
    """Return the settings of a guard whose counters nobody else has."""
    if request.param == "memory":
        yield {"storage": "memory://", "prefix": counters_prefix}
        return
    url = request.getfixturevalue("redis_url")
    yield {"storage": url, "prefix": counters_prefix}
    delete_keys(url, counters_prefix)
