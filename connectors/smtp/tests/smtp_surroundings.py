"""What the tests of the SMTP connector import: no other connector, and a system that trusts one CA."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import TYPE_CHECKING

import pytest

from .smtp_server import SYSTEM_AUTHORITY

if TYPE_CHECKING:
    from collections.abc import Iterator

CONNECTOR_ID = "simple-mail-transfer-protocol"


@pytest.fixture(autouse=True, scope="module")
def this_connector_alone() -> Iterator[None]:
    """Load no other connector, which each of the many hosts of these tests would check anew."""
    others = {entry.name for entry in entry_points(group="connector_core.connectors")} - {CONNECTOR_ID}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONNECTOR_CORE_BLOCK", ",".join(sorted(others)))
        yield


@pytest.fixture(autouse=True, scope="module")
def system_certificates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Trust one CA in place of the system's hundreds, which take longer to read than a mail to send."""
    folder = tmp_path_factory.mktemp("certificates")
    SYSTEM_AUTHORITY.cert_pem.write_to_path(str(folder / "system.pem"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(folder / "system.pem"))
        patch.setenv("SSL_CERT_DIR", str(folder))
        yield
