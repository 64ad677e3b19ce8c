"""What a foreign connector or plugin does wrong reaches the host as one clear error, without a secret."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any

import pytest
from command_line import run
from fakes import SCHEMA, FakeConnector

from connector_core import ConfigIssue, ConnectorError, InvalidConnector, InvalidMessage, Message, SendError, hookimpl

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from connector_core import Config, Host

TOKEN = "tok-5f2c9a-secret"
CONFIG = {"token": TOKEN}
MESSAGE = Message("ann@example.com", "SignIn", {"code": "731904"})


def raise_unchangeable(config: Config, *_message: object) -> Any:
    """Raise what keeps its text where nobody can change it."""
    raise OSError(5, f"the key is {config['token'].reveal()}")


def all_shown(error: BaseException | None) -> str:
    """Return what a log or an error reporter would find on an exception and behind it."""
    words = []
    while error is not None:
        words += [*traceback.format_exception(error), repr(error), str(vars(error))]
        error = error.__cause__ or error.__context__
    return "\n".join(words)


def test_a_crash_of_a_send_shows_no_secret_anywhere_behind_it(make_host: Callable[..., Host]) -> None:
    host = make_host(FakeConnector(send=raise_unchangeable))
    with pytest.raises(SendError) as caught:
        host["alpha-mail"].send_message(CONFIG, MESSAGE)
    assert caught.value.outcome == "unknown"
    assert TOKEN not in all_shown(caught.value)


def test_a_crash_of_a_config_check_shows_no_secret_anywhere_behind_it(make_host: Callable[..., Host]) -> None:
    host = make_host(FakeConnector(check=raise_unchangeable))
    with pytest.raises(ConnectorError, match="config check of alpha-mail failed") as caught:
        host["alpha-mail"].validate_config(CONFIG)
    assert TOKEN not in all_shown(caught.value)


def raise_looped(_config: Config, _message: Message) -> Any:
    looped: list[Any] = []
    looped.append(looped)
    raise RuntimeError(looped)


def test_an_exception_that_holds_itself_is_an_error_like_any_other(make_host: Callable[..., Host]) -> None:
    host = make_host(FakeConnector(send=raise_looped))
    with pytest.raises(SendError, match="RuntimeError"):
        host["alpha-mail"].send_message(CONFIG, MESSAGE)


def test_issues_of_another_type_are_an_error_of_the_connector(make_host: Callable[..., Host]) -> None:
    host = make_host(FakeConnector(check=lambda _config: ["oops"]))  # type: ignore[list-item]  # the fault
    with pytest.raises(ConnectorError, match="TypeError"):
        host["alpha-mail"].validate_config(CONFIG)


@pytest.mark.parametrize("message", [None, {"to": "ann@example.com", "type": "SignIn", "payload": {}}])
def test_what_is_no_message_is_refused_in_words(make_host: Callable[..., Host], message: Any) -> None:
    connector = FakeConnector()
    with pytest.raises(InvalidMessage, match=r"give Message\("):
        make_host(connector)["alpha-mail"].configure(CONFIG).send_message(message)
    assert connector.sent == []


def test_a_wrapper_that_breaks_the_payload_leaves_nothing_sent(make_host: Callable[..., Host]) -> None:
    class Breaking:
        @hookimpl(wrapper=True)
        def send_message(self, message: Message) -> Any:
            message.payload["code"] = float("nan")
            return (yield)

    host = make_host(FakeConnector(send=lambda _config, message: post(message)), plugins=[Breaking()])

    def post(message: Message) -> Any:
        from connector_core import Transport

        return Transport().request("POST", "http://127.0.0.1:9/", headers={}, json=message.payload)

    with pytest.raises(InvalidMessage, match="nothing was sent"):
        host["alpha-mail"].send_message(CONFIG, MESSAGE)


def test_keeping_a_new_function_for_every_send_is_refused_before_memory_runs_out(
    make_host: Callable[..., Host],
) -> None:
    mail = make_host(FakeConnector(send=lambda config, _message: config.keep(lambda _config: object())))["alpha-mail"]
    with mail.configure(CONFIG) as configured:
        errors = []
        for _ in range(150):
            with pytest.raises(SendError) as caught:
                configured.send_message(MESSAGE)
            errors.append(caught.value.__cause__)
    assert "function or class of a module" in str(errors[-1])


def test_a_default_of_a_secret_is_wrapped_like_any_other(make_host: Callable[..., Host]) -> None:
    token = {**SCHEMA["properties"]["token"], "default": "made-up"}
    schema = {**SCHEMA, "properties": {"token": token}, "required": []}
    config = make_host(FakeConnector(schema=schema))["alpha-mail"].configure({}).config
    assert config["token"].reveal() == "made-up"
    assert "made-up" not in repr(config)


@pytest.mark.parametrize("plugin", [5, "x", object()])
def test_a_plugin_without_a_hook_is_refused(make_host: Callable[..., Host], plugin: object) -> None:
    with pytest.raises(InvalidConnector, match="@hookimpl"):
        make_host().register(plugin)


def test_a_plugin_that_is_not_registered_is_not_taken_out(make_host: Callable[..., Host]) -> None:
    with pytest.raises(InvalidConnector, match="not registered"):
        make_host().unregister(object())


FAULTS = {
    "an exception that is no Exception": "class Stop(BaseException): pass\nraise Stop('no')",
    "an exception that can't be shown": (
        "class Odd(Exception):\n    def __str__(self): raise ValueError\nraise Odd('no')"
    ),
}


@pytest.mark.parametrize("source", FAULTS.values(), ids=FAULTS)
def test_whatever_an_import_raises_is_a_failure_that_can_be_shown(
    install: Callable[..., Path], make_host: Callable[..., Host], source: str
) -> None:
    host = make_host(FakeConnector())
    install("dist-odd", {"odd-mail": "odd_module"}, {"odd_module": source}, group="tests.odd")
    failures = type(host).discover(group="tests.odd").failures
    assert [failure.entry_point for failure in failures] == ["odd-mail"]
    assert failures[0].to_json()["error"].split(":")[0] in {"Stop", "Odd"}


def test_issues_of_a_list_come_in_the_order_of_its_entries(make_host: Callable[..., Host]) -> None:
    issues = [ConfigIssue(f"$.list[{index}]", "odd", "It is odd.") for index in (10, 2, 1)]
    host = make_host(FakeConnector(check=lambda _config: issues))
    assert [issue.path for issue in host["alpha-mail"].validate_config(CONFIG)] == [
        "$.list[1]",
        "$.list[2]",
        "$.list[10]",
    ]


class BrokenSandbox(FakeConnector):
    @hookimpl
    def create_sandbox(self) -> Any:
        raise RuntimeError(TOKEN)


def test_a_sandbox_that_can_not_be_made_is_an_error_of_the_connector(make_host: Callable[..., Host]) -> None:
    with pytest.raises(ConnectorError, match="can't be made") as caught:
        make_host(BrokenSandbox())["alpha-mail"].create_sandbox(CONFIG)
    assert TOKEN not in "".join(traceback.format_exception(caught.value))


def test_what_a_plugin_prints_at_import_stays_out_of_the_results(install: Callable[..., Path]) -> None:
    install("dist-noisy", {"noisy-mail": "noisy_module"}, {"noisy_module": "print('hello', flush=True)"})
    done = run("list", "--json")
    assert [failure["entryPoint"] for failure in done.json()["failures"]] == ["noisy-mail"]
    assert "hello" in done.stderr


class Oddly(Exception):
    exceptions = None


def raise_oddly(_config: Config, _message: Message) -> Any:
    raise Oddly


def test_an_exception_with_an_odd_attribute_is_an_error_like_any_other(make_host: Callable[..., Host]) -> None:
    with pytest.raises(SendError, match="Oddly"):
        make_host(FakeConnector(send=raise_oddly))["alpha-mail"].send_message(CONFIG, MESSAGE)
