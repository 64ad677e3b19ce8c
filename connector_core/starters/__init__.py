"""Starter templates: what mails of the shared usage types may say, in several languages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connector_core.message import USAGE_TYPES
from connector_core.payloads import main_variable
from connector_core.provisioning import Template

if TYPE_CHECKING:
    from collections.abc import Iterable

STARTER_LOCALES = ("en",)
"""The languages that there are starter templates in."""


def starter_templates(locales: Iterable[str] = STARTER_LOCALES) -> list[Template]:
    """Return a template for each shared usage type in each language, the first language first."""
    return [
        Template(
            usage_type=usage_type,
            locale=locale,
            subject=f"{usage_type}",
            html=f"<p>{{{{{main_variable(usage_type)}}}}}</p>",
            text=f"{{{{{main_variable(usage_type)}}}}}",
        )
        for locale in locales
        for usage_type in USAGE_TYPES
    ]
