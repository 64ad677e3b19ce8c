"""Ready plugins for `Host.discover(plugins=[...])`, around the sends of every connector; see `docs/middleware.md`."""

from __future__ import annotations

from connector_core.middleware.audit_log import AuditLog, AuditRecord
from connector_core.middleware.rate_guard import RateGuard
from connector_core.middleware.redirect import RedirectRecipients
from connector_core.middleware.telemetry import Telemetry

__all__ = ["AuditLog", "AuditRecord", "RateGuard", "RedirectRecipients", "Telemetry"]
