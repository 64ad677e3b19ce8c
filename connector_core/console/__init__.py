"""The console: a page where an administrator sets connectors up, tries them and saves (extra `console`).

Mount it in an application (`make_blueprint` for Flask, `make_app` for any other, since it is WSGI), or run it alone
with the command `connectors console`.
"""

from __future__ import annotations

from connector_core.console.access import SignIn
from connector_core.console.application import make_app, make_blueprint
from connector_core.console.options import ConsoleOptions

__all__ = ["ConsoleOptions", "SignIn", "make_app", "make_blueprint"]
