"""A fault that a connector may have: a change to what `connectors new` writes, and the check that must find it."""

from __future__ import annotations

import re
from dataclasses import dataclass

PLUGIN, SANDBOX, SCHEMA, GUIDE, METADATA, TESTS = (
    "PACKAGE/plugin.py",
    "PACKAGE/sandbox.py",
    "PACKAGE/config.schema.json",
    "README.md",
    "PACKAGE/connector.json",
    "tests/test_MODULE_conformance.py",
)
CALL = '    answer = transport.request("POST", url, headers=headers, json=body)\n'
LIVE_CALL = '        answer = transport.request("GET", make_account_url(config), headers=make_headers(config))\n'
KEY = 'config["apiKey"].reveal()'
OWN_CLIENT = """    import requests
    from connector_core import ProviderUnavailable
    plain = {"Authorization": f"Bearer {config['apiKey'].reveal()}"}
"""
OWN_ACCOUNT = f"""\
{OWN_CLIENT.replace("    ", "        ")}\
        try:
            raw = requests.get(make_account_url(config), headers=plain, timeout=60)
        except requests.RequestException:
            raise ProviderUnavailable("The provider could not be reached.") from None
        answer = Response(raw.status_code, raw.headers, raw.content)
"""
FAILED = "    if answer.status != SUCCESS:\n        raise read_refusal(answer, message)\n"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a connector.

    Args:
        name: the fault, in a few words.
        check: the name of the kit's test that must find it.
        says: a part of what the test must say.
        changes: what is replaced, as (file, old text, new text); without an old text the file is a new one.

    """

    name: str
    check: str
    says: str
    changes: tuple[tuple[str, str, str], ...]

    @property
    def id(self) -> str:
        """Return the id of the connector that has this fault."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")[:50].strip("-")


def fault(name: str, check: str, says: str, *changes: tuple[str, str, str]) -> Fault:
    return Fault(name, check, says, changes)


def before_call(code: str) -> tuple[str, str, str]:
    return PLUGIN, CALL, code + CALL


def instead_of_call(code: str) -> tuple[str, str, str]:
    return PLUGIN, CALL, code


def before_live_call(code: str) -> tuple[str, str, str]:
    return PLUGIN, LIVE_CALL, code + LIVE_CALL


def instead_of_live_call(code: str) -> tuple[str, str, str]:
    return PLUGIN, LIVE_CALL, code


def answer_with(code: str) -> tuple[str, str, str]:
    return PLUGIN, FAILED, code + FAILED


IN_ERROR, IN_LOG, PRINTED = (
    "test_no_error_shows_a_secret",
    "test_no_log_shows_a_secret",
    "test_nothing_secret_is_printed",
)
WRONG_KEY = "test_wrong_credentials_are_an_authorization_failure"
