"""What the tests of routing share: a clock, providers on loopback, and ways as short words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connector_core import Message
from connector_core.routing import Backoff
from connector_core.testing.wire_behaviours import respond, respond_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fakes import FakeConnector

    from connector_core import ConfiguredConnector, Host, SendError, SendResult
    from connector_core.testing.wire_server import Behaviour, Line

TOKEN = "made-up-token-of-these-tests"
STEADY = Backoff(shortest=1.0, longest=1.0)
"""A pause whose length a test knows."""

ADDRESS = "ann@example.com"


class Clock:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def postmark(host: Host, url: str) -> ConfiguredConnector:
    """Return a Postmark that is at an address."""
    usage_types = ("SignIn", "Register", "ForgotPassword", "Generic")
    templates = [{"usageType": one, "templateAlias": one.lower()} for one in usage_types]
    config = {"serverToken": TOKEN, "fromEmail": "noreply@example.com", "templates": templates, "apiUrl": url}
    return host["postmark-mail"].configure(config)


def endpoint(host: Host, url: str) -> ConfiguredConnector:
    """Return an HTTP endpoint that is at an address."""
    return host["http-email"].configure({"endpoint": f"{url}/send"})


def in_memory(
    make_host: Callable[..., Host], connector: FakeConnector, plugins: Iterable[object] = ()
) -> ConfiguredConnector:
    """Return a connector in memory, in a host of its own."""
    return make_host(connector, plugins=plugins)["alpha-mail"].configure({"token": "made-up-token-1234"})


def message(code: str = "123456", **options: Any) -> Message:
    """Return a message with a code."""
    return Message(ADDRESS, "SignIn", {"code": code}, **options)


def messages(count: int) -> list[Message]:
    """Return so many messages, whose codes are their numbers."""
    return [message(str(number)) for number in range(count)]


def refuse(error_code: int, said: str = "No.", status: int = 422, headers: Iterable[str] = ()) -> Behaviour:
    """Refuse as Postmark does."""
    return respond_json({"ErrorCode": error_code, "Message": said}, status, headers)


def take(line: Line) -> None:
    """Take what came, as Postmark and as an endpoint; the id is made of the codes."""
    body = line.request.json()
    if line.request.target == "/send":
        respond_json({"id": f"endpoint-{body['payload']['code']}"})(line)
    elif "batch" in line.request.target:
        respond_json([_accept(one) for one in body["Messages"]])(line)
    else:
        respond_json(_accept(body))(line)


def close_shop(line: Line) -> None:
    """Answer that nothing is taken now."""
    respond(503)(line)


def _accept(body: dict[str, Any]) -> dict[str, Any]:
    code = body["TemplateModel"]["code"]
    return {"ErrorCode": 0, "Message": "OK", "MessageID": f"postmark-{code}", "To": body["To"]}


def read_codes(requests: Iterable[Any]) -> list[list[str]]:
    """Return the codes of the messages in each request."""
    found = []
    for request in requests:
        body = request.json()
        listed = body.get("Messages", [body])
        found.append([one.get("TemplateModel", one.get("payload"))["code"] for one in listed])
    return found


def way(outcome: SendResult | SendError) -> list[str]:
    """Return the way of a message in short words, such as `0 failed rate_limit_exceeded`."""
    steps = ((one.position, one.action, one.code) for one in outcome.route)
    return [" ".join(str(part) for part in step if part is not None) for step in steps]
