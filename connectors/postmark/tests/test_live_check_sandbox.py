"""What the sandbox shows of an account for the live check."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from connector_postmark.sandbox import DeliveryType, PostmarkSandbox

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

    Call = Callable[..., requests.Response]


def test_the_sandbox_stands_in_for_a_live_server(call: Call, sandbox: PostmarkSandbox) -> None:
    assert call("GET", "/server").json()["DeliveryType"] == "Live"

    sandbox.account.delivery_type = DeliveryType.SANDBOX

    assert call("GET", "/server").json()["DeliveryType"] == "Sandbox"


def test_the_sandbox_may_stand_in_for_a_sandbox_server() -> None:
    assert PostmarkSandbox(delivery_type="Sandbox").account.delivery_type is DeliveryType.SANDBOX
    with pytest.raises(ValueError, match="Sleepy"):
        PostmarkSandbox(delivery_type="Sleepy")


def test_a_template_says_whether_it_is_active(call: Call, sandbox: PostmarkSandbox) -> None:
    template = sandbox.account.find_template("logto-generic")
    assert template is not None
    assert call("GET", "/templates/logto-generic").json()["Active"] is True

    sandbox.account.change_template(template.id, active=False)

    assert call("GET", "/templates/logto-generic").json()["Active"] is False


def test_a_template_that_is_not_active_is_not_listed(call: Call, sandbox: PostmarkSandbox) -> None:
    template = sandbox.account.templates[0]
    sandbox.account.change_template(template.id, active=False)

    listed = call("GET", "/templates?count=100&offset=0").json()

    assert listed["TotalCount"] == len(sandbox.account.templates) - 1
    assert template.id not in [one["TemplateId"] for one in listed["Templates"]]


def test_no_mail_is_sent_by_a_template_that_is_not_active(call: Call, sandbox: PostmarkSandbox) -> None:
    sandbox.account.add_template(template_id=77, name="Old", subject="s", html="h", active=False)
    mail = {"From": "a@example.com", "To": "ann@example.com", "TemplateId": 77, "TemplateModel": {}}

    answer = call("POST", "/email/withTemplate", mail)

    assert (answer.status_code, answer.json()["ErrorCode"]) == (422, 1101)
    assert sandbox.messages == []


@pytest.mark.parametrize("domain", ["connector-check.invalid", "INVALID", "a.b.invalid"])
@pytest.mark.parametrize("senders", [None, {"invalid", "connector-check.invalid", "a.b.invalid"}])
def test_nobody_can_confirm_a_sender_under_invalid(
    domain: str, senders: set[str] | None, call: Call, sandbox: PostmarkSandbox
) -> None:
    sandbox.account.senders = senders
    mail = {"From": f"a@{domain}", "To": "ann@example.com", "TextBody": "Hi"}

    answer = call("POST", "/email", mail)

    assert (answer.status_code, answer.json()["ErrorCode"]) == (422, 400)
    assert call("POST", "/email", {**mail, "From": "a@notinvalid"}).ok == (senders is None)
