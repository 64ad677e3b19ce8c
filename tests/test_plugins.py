"""Discovery by entry point: one bad plugin harms nobody, and what failed says why."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from installed import INSTALLED

from connector_core import ConnectorNotFound, Host, InvalidConnector, LoadFailure, Message

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Install = Callable[..., Path]

_numbers = itertools.count(1)
GOOD = """
from connector_core import ConnectorMetadata, SendResult, hookimpl
SCHEMA = {"type": "object", "properties": {"token": {"type": "string"}}, "additionalProperties": False}

@hookimpl
def connector_metadata():
    return ConnectorMetadata(
        id="zeta-mail", type="Email", name={"en": "Zeta"}, description={"en": "Zeta."}, guide={"en": "# Zeta"},
        config_schema=SCHEMA,
    )

@hookimpl
def send_message(config, message):
    return SendResult(message_id="zeta")
"""
CLASS = """
from connector_core import ConnectorMetadata, SendResult, hookimpl
SCHEMA = {"type": "object", "properties": {"token": {"type": "string"}}, "additionalProperties": False}

class Plugin:
    @hookimpl
    def connector_metadata(self):
        return ConnectorMetadata(
            id="zeta-mail", type="Email", name={"en": "Zeta"}, description={"en": "Zeta."}, guide={"en": "# Zeta"},
            config_schema=SCHEMA,
        )

    @hookimpl
    def send_message(self, config, message):
        return SendResult(message_id="zeta")

plugin = Plugin()
"""


BAD: dict[str, tuple[str, type[BaseException], str]] = {
    "import error": ("import no_such_module_anywhere", ModuleNotFoundError, "no_such_module_anywhere"),
    "any exception at import": ("1 / 0", ZeroDivisionError, "division"),
    "syntax error": ("def", SyntaxError, "syntax"),
    "sys.exit at import": ("import sys; sys.exit('bye')", SystemExit, "bye"),
    "sys.exit(0) at import": ("import sys; sys.exit(0)", SystemExit, "SystemExit"),
    "empty module": ("", InvalidConnector, "connector_metadata"),
    "no metadata": (
        GOOD.replace("@hookimpl\ndef connector_m", "def connector_m"),
        InvalidConnector,
        "connector_metadata",
    ),
    "no send_message": (GOOD.replace("@hookimpl\ndef send_m", "def send_m"), InvalidConnector, "send_message"),
    "misspelled hook": (
        f"{GOOD}\n@hookimpl\ndef validate_confg(config): return []",
        InvalidConnector,
        "validate_confg: did you mean validate_config?",
    ),
    "hook like no other": (f"{GOOD}\n@hookimpl\ndef xyzzy(): pass", InvalidConnector, "send_message"),
    "keyword-only hook": (GOOD.replace("(config, message)", "(config, *, message)"), InvalidConnector, "keyword"),
    "unknown argument": (GOOD.replace("(config, message)", "(config, mesage)"), InvalidConnector, "mesage"),
    "metadata of another type": (
        GOOD.replace("return ConnectorMetadata(", "return dict("),
        InvalidConnector,
        "return a",
    ),
    "metadata hook that raises": (GOOD.replace("return ConnectorMetadata(", "1 / 0; dict("), ZeroDivisionError, "zero"),
    "metadata hook that exits": (GOOD.replace("return Conn", "import sys; sys.exit(); Conn"), SystemExit, "SystemExit"),
    "metadata hook that returns nothing": (GOOD.replace("return Conn", "Conn"), InvalidConnector, "connector_metadata"),
    "invalid metadata": (GOOD.replace('type="Email"', 'type="Push"'), InvalidConnector, "$.type"),
    "metadata without English": (GOOD.replace('name={"en"', 'name={"de"'), InvalidConnector, "$.name"),
    "metadata that is no JSON": (GOOD.replace('{"en": "Zeta"}', '{"en": b"Zeta"}'), InvalidConnector, "$.name.en"),
    "id with a line break": (GOOD.replace('"zeta-mail"', '"zeta-mail\\n"'), InvalidConnector, "$.id"),
    "id that is not the entry's name": (GOOD.replace('"zeta-mail"', '"eta-mail"'), InvalidConnector, "eta-mail"),
    "invalid schema": (
        GOOD.replace('{"type": "string"}', '{"typ": "string"}'),
        InvalidConnector,
        "did you mean 'type'",
    ),
    "schema that is no object": (GOOD.replace("=SCHEMA", "=[1]"), InvalidConnector, "$.configSchema"),
}


@pytest.fixture
def host(install: Install) -> Callable[..., Host]:
    """Discover with one more distribution installed, beside the real ones."""

    def discover(source: str, attribute: str = "") -> Host:
        module = f"zeta_connector_{next(_numbers)}"
        install("zeta-dist", {"zeta-mail": f"{module}{attribute}"}, {module: source}, version="2.5")
        return Host.discover()

    return discover


def only_failure(host: Host) -> LoadFailure:
    (failure,) = host.failures
    return failure


def test_a_connector_that_keeps_the_contract_is_there(host: Callable[..., Host]) -> None:
    found = host(GOOD)
    assert found.failures == ()
    connector = found["zeta-mail"]
    assert (connector.id, connector.distribution, connector.version) == ("zeta-mail", "zeta-dist", "2.5")
    assert found["zeta-mail"].send_message({}, Message("a@example.com", "SignIn")).message_id == "zeta"


def test_an_instance_is_a_plugin_as_a_module_is(host: Callable[..., Host]) -> None:
    assert "zeta-mail" in host(CLASS, ":plugin")


@pytest.mark.parametrize(("source", "cause", "words"), BAD.values(), ids=BAD)
def test_a_bad_plugin_is_a_failure_that_says_why(
    host: Callable[..., Host], source: str, cause: type[BaseException], words: str
) -> None:
    failure = only_failure(host(source))
    assert (failure.distribution, failure.version, failure.entry_point) == ("zeta-dist", "2.5", "zeta-mail")
    assert type(failure.cause) is cause
    assert words in failure.error
    assert "\n" not in failure.error
    assert failure.to_json() == {
        "distribution": "zeta-dist",
        "version": "2.5",
        "entryPoint": "zeta-mail",
        "error": failure.error,
    }


@pytest.mark.parametrize("source", [source for source, _, _ in BAD.values()], ids=BAD)
def test_a_bad_plugin_leaves_all_others_at_work(host: Callable[..., Host], source: str) -> None:
    found = host(source)
    assert [*found] == INSTALLED
    assert [issue.code for issue in found["postmark-mail"].validate_config({})] == ["required"] * 3


@pytest.mark.parametrize("source", [source for source, _, _ in BAD.values()], ids=BAD)
def test_strict_discovery_raises_for_a_bad_plugin(
    host: Callable[..., Host], monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    monkeypatch.setenv("CONNECTOR_CORE_STRICT", "1")
    with pytest.raises(InvalidConnector, match="zeta-mail of zeta-dist failed to load"):
        host(source)


@pytest.mark.parametrize("value", ["", "0"])
def test_discovery_is_not_strict_by_an_empty_or_zero_variable(
    host: Callable[..., Host], monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("CONNECTOR_CORE_STRICT", value)
    assert only_failure(host("1 / 0")).entry_point == "zeta-mail"


def test_a_class_in_place_of_an_instance_is_a_failure(host: Callable[..., Host]) -> None:
    failure = only_failure(host(CLASS, ":Plugin"))
    assert failure.error == "Plugin is a class: register an instance of it, or a module."


def test_an_attribute_that_is_not_there_is_a_failure(host: Callable[..., Host]) -> None:
    assert "no_such_plugin" in only_failure(host(GOOD, ":no_such_plugin")).error


def test_an_object_that_can_not_be_hashed_harms_no_other(host: Callable[..., Host]) -> None:
    source = CLASS.replace("class Plugin:", "from dataclasses import dataclass\n@dataclass\nclass Plugin:")
    assert [issue.code for issue in host(source, ":plugin")["postmark-mail"].validate_config({})] == ["required"] * 3


def test_two_distributions_with_one_id_are_both_left_out_and_named(install: Install) -> None:
    modules = [f"zeta_connector_{next(_numbers)}" for _ in range(3)]
    install("first-dist", {"zeta-mail": modules[0]}, {modules[0]: GOOD})
    install("second-dist", {"zeta-mail": modules[1]}, {modules[1]: GOOD}, version="3.0")
    install("third-dist", {"eta-mail": modules[2]}, {modules[2]: GOOD.replace("zeta-mail", "eta-mail")})
    found = Host.discover()
    assert [*found] == sorted([*INSTALLED, "eta-mail"])
    by_name = {failure.distribution: failure for failure in found.failures}
    assert {name: failure.version for name, failure in by_name.items()} == {"first-dist": "1.0", "second-dist": "3.0"}
    assert "second-dist" in by_name["first-dist"].error
    assert "first-dist" in by_name["second-dist"].error


def test_neither_of_two_distributions_with_one_id_is_even_imported(install: Install) -> None:
    modules = [f"zeta_connector_{next(_numbers)}" for _ in range(2)]
    for name, module in zip(["first-dist", "second-dist"], modules, strict=True):
        install(name, {"zeta-mail": module}, {module: "raise RuntimeError('imported')"})
    assert not [failure for failure in Host.discover().failures if "imported" in failure.error]


def test_one_distribution_may_hold_several_connectors_and_one_of_them_fail(install: Install) -> None:
    modules = [f"zeta_connector_{next(_numbers)}" for _ in range(3)]
    sources = [GOOD, "1 / 0", GOOD.replace("zeta-mail", "theta-mail")]
    install(
        "several-dist",
        dict(zip(["zeta-mail", "eta-mail", "theta-mail"], modules, strict=True)),
        dict(zip(modules, sources, strict=True)),
    )
    found = Host.discover()
    assert [*found] == sorted([*INSTALLED, "theta-mail", "zeta-mail"])
    assert {found[name].distribution for name in ("theta-mail", "zeta-mail")} == {"several-dist"}
    assert only_failure(found).entry_point == "eta-mail"


@pytest.mark.parametrize("value", ["zeta-mail", " zeta-mail ,unknown-mail", "a,zeta-mail,b", ",zeta-mail,"])
def test_a_blocked_connector_is_left_out_without_being_imported(
    host: Callable[..., Host], monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("CONNECTOR_CORE_BLOCK", value)
    found = host("raise RuntimeError('imported')")
    assert [*found] == INSTALLED
    assert found.failures == ()
    with pytest.raises(ConnectorNotFound, match=r"CONNECTOR_CORE_BLOCK.*postmark-mail"):
        found["zeta-mail"]


def test_the_only_connector_can_be_blocked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONNECTOR_CORE_BLOCK", ",".join(INSTALLED))
    with pytest.raises(ConnectorNotFound, match="none"):
        Host.discover()["other-mail"]


def test_an_unknown_id_is_answered_with_what_is_installed(host: Callable[..., Host]) -> None:
    with pytest.raises(ConnectorNotFound) as caught:
        host(GOOD)["postmark"]
    assert ", ".join(sorted([*INSTALLED, "zeta-mail"])) in str(caught.value)
    assert caught.value.code == "connector_not_found"


def test_an_id_that_failed_to_load_is_answered_with_the_cause(host: Callable[..., Host]) -> None:
    found = host("import no_such_module_anywhere")
    with pytest.raises(ConnectorNotFound, match=r"zeta-mail of zeta-dist failed to load: .*no_such_module_anywhere"):
        found["zeta-mail"]


def test_a_damaged_distribution_beside_the_good_ones_harms_nobody(install: Install) -> None:
    module = f"zeta_connector_{next(_numbers)}"
    site = install("zeta-dist", {"zeta-mail": module}, {module: "1 / 0"})
    (site / "zeta_dist-1.0.dist-info" / "METADATA").unlink()
    found = Host.discover()
    assert [*found] == INSTALLED
    assert only_failure(found).to_json()["entryPoint"] == "zeta-mail"


def test_two_entries_for_one_module_are_one_connector_and_one_failure(install: Install) -> None:
    module = f"zeta_connector_{next(_numbers)}"
    install("zeta-dist", {"eta-mail": module, "zeta-mail": module}, {module: GOOD})
    found = Host.discover()
    assert [*found] == sorted([*INSTALLED, "zeta-mail"])
    assert only_failure(found).entry_point == "eta-mail"


@pytest.mark.parametrize("value", ["not a module", "1:2:3", ":plugin"])
def test_an_entry_that_is_malformed_is_a_failure(install: Install, value: str) -> None:
    install("zeta-dist", {"zeta-mail": value})
    found = Host.discover()
    assert [*found] == INSTALLED
    assert only_failure(found).entry_point == "zeta-mail"


SCRIPT = """
import json
from connector_core import Host
host = Host.discover()
print(json.dumps([[*host], [failure.entry_point for failure in host.failures]]))
"""


@pytest.mark.parametrize(
    ("variables", "printed"),
    [
        ({}, [sorted([*INSTALLED, "zeta-mail"]), ["eta-mail"]]),
        ({"CONNECTOR_CORE_BLOCK": "zeta-mail"}, [INSTALLED, ["eta-mail"]]),
        ({"CONNECTOR_CORE_BLOCK": "eta-mail, zeta-mail", "CONNECTOR_CORE_STRICT": "1"}, [INSTALLED, []]),
        ({"CONNECTOR_CORE_STRICT": "1"}, None),
    ],
    ids=["none", "block", "block and strict", "strict"],
)
def test_the_environment_of_a_process_decides(
    install: Install, variables: dict[str, str], printed: list[list[str]] | None
) -> None:
    site = install(
        "zeta-dist", {"zeta-mail": "zeta_alone", "eta-mail": "eta_alone"}, {"zeta_alone": GOOD, "eta_alone": "1 / 0"}
    )
    environment = {**os.environ, "PYTHONPATH": str(site), **variables}
    ended = subprocess.run(  # noqa: S603  our own code
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    if printed is None:
        assert "InvalidConnector: The connector eta-mail of zeta-dist failed to load" in ended.stderr
    else:
        assert json.loads(ended.stdout) == printed
