from connector_core.testing.wire_server import *  # noqa: F403
