"""The live check at the sandbox: the token, the sender, the message stream, and the order of what is found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from connector_postmark.sandbox import PostmarkSandbox

from connector_core import USAGE_TYPES, Connector, Finding
from connector_core.testing.wire_behaviours import pass_on, respond_json
from connector_core.testing.wire_server import WireServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from connector_core.testing.wire_server import Behaviour, Line

    Check = Callable[..., list[Finding]]

FOUR = ["SignIn", "Register", "ForgotPassword", "Generic"]
NO_RECIPIENTS = {"ErrorCode": 300, "Message": "Zero recipients specified"}


def find_problem(findings: list[Finding]) -> Finding:
    """Return the one finding that is not ok, which says what to do."""
    (problem,) = (finding for finding in findings if finding.level != "ok")
    assert problem.fix
    return problem


def describe(finding: Finding) -> tuple[str, str, str]:
    return finding.level, finding.code, finding.path


def answer_mails(origin: str, *behaviours: Behaviour) -> Behaviour:
    """Answer one POST /email after the other by the behaviours, the last one again and again, and pass on the rest."""
    left = list(behaviours)

    def behave(line: Line) -> None:
        if line.request.target != "/email":
            pass_on(origin)(line)
        else:
            (left.pop(0) if len(left) > 1 else left[0])(line)

    return behave


def check_with_mails(postmark: Connector, sandbox: PostmarkSandbox, *behaviours: Behaviour) -> list[Finding]:
    with WireServer(answer_mails(sandbox.url, *behaviours)) as server:
        return postmark.check_connection({**sandbox.config, "apiUrl": server.url})


# A config that works


def test_a_check_of_the_sandboxs_own_config_finds_that_all_of_it_works(check: Check) -> None:
    findings = check()

    assert [describe(finding) for finding in findings] == [
        ("ok", "credentials_accepted", "$.serverToken"),
        ("ok", "sender_accepted", "$.fromEmail"),
        ("ok", "stream_accepted", "$.messageStream"),
        *(("ok", "template_accepted", f"$.templates[{index}].templateAlias") for index in range(len(USAGE_TYPES))),
    ]
    assert all(finding.fix == "" for finding in findings)


def test_a_config_with_every_optional_setting_is_checked_as_well(check: Check) -> None:
    findings = check(
        fromEmail='"Example, Inc." <noreply@bücher.example>',
        messageStream="Outbound",
        replyTo="support@example.com",
        inlineCss=False,
        trackOpens=True,
        headers={"Auto-Submitted": "auto-generated"},
    )

    assert [finding.level for finding in findings] == ["ok"] * len(findings)
    assert "noreply@xn--bcher-kva.example" in findings[1].message


# The token and its server


def test_a_wrong_token_is_the_only_finding(check: Check) -> None:
    findings = check(serverToken="a-token-of-nobody")

    assert [describe(finding) for finding in findings] == [("error", "authorization_failed", "$.serverToken")]
    assert "API Tokens" in find_problem(findings).fix
    assert "a-token-of-nobody" not in str(findings)


@pytest.mark.parametrize("token", ["POSTMARK_API_TEST", "postmark_api_test"])
def test_the_test_token_is_named_without_a_request(token: str, postmark: Connector, sandbox: PostmarkSandbox) -> None:
    with WireServer(pass_on(sandbox.url)) as server:
        findings = postmark.check_connection({**sandbox.config, "serverToken": token, "apiUrl": server.url})

        assert server.requests == []
    assert [describe(finding) for finding in findings] == [("warning", "test_token", "$.serverToken")]
    assert find_problem(findings).message.endswith("nothing else can be checked with it.")
    assert "***" not in find_problem(findings).message


def test_a_sandbox_server_of_postmark_is_a_warning(postmark: Connector) -> None:
    with PostmarkSandbox(delivery_type="Sandbox") as sandbox:
        problem = find_problem(postmark.check_connection(sandbox.config))

    assert describe(problem) == ("warning", "sandbox_server", "$.serverToken")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Example", "of the live server Example."),
        ("Two\r\nlines\x1b[31m", "of the live server Two lines [31m."),
        ("word " * 40, f"of the live server {('word ' * 16).strip()}."),
        ("x" * 1000, "accepts the token of the live server."),
        ("", "accepts the token of the live server."),
    ],
)
def test_the_name_of_the_server_is_shown_on_one_short_line(
    name: str, shown: str, postmark: Connector, sandbox: PostmarkSandbox
) -> None:
    def rename(line: Line) -> None:
        is_server = line.request.target == "/server"
        (respond_json({"Name": name, "DeliveryType": "Live"}) if is_server else pass_on(sandbox.url))(line)

    with WireServer(rename) as server:
        findings = postmark.check_connection({**sandbox.config, "apiUrl": server.url})

    assert findings[0].code == "credentials_accepted"
    assert findings[0].message.endswith(shown)
    assert len(findings) == 3 + len(USAGE_TYPES)


# The message stream


@pytest.mark.parametrize(
    ("stream", "code", "number"),
    [
        ("nowhere", "stream_not_found", "1235"),
        ("..", "stream_not_found", "1235"),
        (".", "stream_not_found", "1235"),
        ("old", "stream_archived", "1236"),
        ("inbound", "stream_inbound", "1236"),
        ("broadcast", "stream_broadcast", ""),
    ],
)
def test_a_message_stream_that_transactional_mails_cant_go_through_is_told(
    stream: str, code: str, number: str, check: Check, sandbox: PostmarkSandbox
) -> None:
    sandbox.account.add_stream("old", archived=True)

    problem = find_problem(check(messageStream=stream))

    assert describe(problem) == ("error" if number else "warning", code, "$.messageStream")
    assert stream in problem.message
    assert number in problem.message
    assert "transactional stream" in problem.fix


def test_an_archived_default_stream_is_told_once_though_it_hides_the_sender(
    check: Check, sandbox: PostmarkSandbox
) -> None:
    sandbox.account.add_stream("outbound", archived=True)

    findings = check()

    assert describe(find_problem(findings)) == ("error", "stream_archived", "$.messageStream")
    assert "$.fromEmail" not in [finding.path for finding in findings]


# The sender


@pytest.mark.parametrize(
    ("sender", "why"), [("new@example.com", "not confirmed yet"), ("a@example.org", "no confirmed sender signature")]
)
def test_an_unconfirmed_sender_is_told(sender: str, why: str, check: Check, sandbox: PostmarkSandbox) -> None:
    sandbox.account.senders = {"example.com"}
    sandbox.account.unconfirmed_senders = {"new@example.com"}

    problem = find_problem(check(fromEmail=f"Example <{sender}>"))

    assert describe(problem) == ("error", "sender_rejected", "$.fromEmail")
    assert sender in problem.message
    assert why in problem.message


@pytest.mark.parametrize("sender", ["noreply@example.com", "boss@example.org"])
def test_a_sender_is_confirmed_by_its_signature_or_its_domain(
    sender: str, check: Check, sandbox: PostmarkSandbox
) -> None:
    sandbox.account.senders = {"example.com", "boss@example.org"}

    findings = check(fromEmail=sender)

    assert [finding.level for finding in findings] == ["ok"] * len(findings)
    assert findings[1] == Finding(
        "ok",
        "sender_accepted",
        "$.fromEmail",
        f"As far as a server token can tell, Postmark accepts the sender {sender}.",
    )


def test_a_sender_that_postmark_cant_read_is_told_in_its_words(postmark: Connector, sandbox: PostmarkSandbox) -> None:
    refusal = {"ErrorCode": 300, "Message": "Invalid 'From' address: 'x'. " + "Look at it. " * 50}

    problem = find_problem(check_with_mails(postmark, sandbox, respond_json(refusal, 422)))

    assert describe(problem) == ("error", "sender_rejected", "$.fromEmail")
    assert "Invalid 'From' address: 'x'." in problem.message
    assert len(problem.message) < 260


@pytest.mark.parametrize(
    "control",
    [
        NO_RECIPIENTS,  # Postmark looks at the recipients first
        {"ErrorCode": 300, "Message": "Error parsing 'From': Illegal email domain 'connector-check.invalid'."},
    ],
)
def test_where_nobodys_address_isnt_refused_as_unconfirmed_the_sender_is_unknown(
    control: dict[str, Any], postmark: Connector, sandbox: PostmarkSandbox
) -> None:
    problem = find_problem(
        check_with_mails(postmark, sandbox, respond_json(NO_RECIPIENTS, 422), respond_json(control, 422))
    )

    assert describe(problem) == ("warning", "sender_unknown", "$.fromEmail")
    assert "sandbox@example.com" in problem.message
    assert "Sender Signatures" in problem.fix
    assert "connectors test" in problem.fix


@pytest.mark.parametrize(
    ("number", "code"), [(405, "usage_limit_exceeded"), (412, "account_restricted"), (413, "account_restricted")]
)
def test_an_account_that_may_not_send_is_told_where_postmark_tells_it(
    number: int, code: str, postmark: Connector, sandbox: PostmarkSandbox
) -> None:
    refusal = respond_json({"ErrorCode": number, "Message": "You may not send."}, 422)

    problem = find_problem(check_with_mails(postmark, sandbox, refusal))

    assert describe(problem) == ("error", code, "$.serverToken")


def test_a_mail_without_recipients_that_was_accepted_is_no_answer_of_postmark(
    postmark: Connector, sandbox: PostmarkSandbox
) -> None:
    accepted = respond_json({"ErrorCode": 0, "Message": "OK", "MessageID": "b7bc2f4a"})

    problem = find_problem(check_with_mails(postmark, sandbox, accepted))

    assert describe(problem) == ("error", "not_understood", "$.apiUrl")
    assert "a mail without recipients" in problem.message


def test_the_mails_of_a_check_have_no_recipient_and_only_the_second_one_a_sender_of_nobody(
    postmark: Connector, sandbox: PostmarkSandbox
) -> None:
    with WireServer(pass_on(sandbox.url)) as server:
        postmark.check_connection({**sandbox.config, "apiUrl": server.url})

        mails = [request.json() for request in server.requests if request.target == "/email"]
    assert [mail.pop("From") for mail in mails] == ["sandbox@example.com", "nobody@connector-check.invalid"]
    assert mails == [{"Subject": "Live check", "TextBody": "Live check"}] * 2


# Several things at once


def test_every_fault_has_its_own_finding_in_the_order_of_the_config(check: Check, sandbox: PostmarkSandbox) -> None:
    sandbox.account.senders = set()
    aliases = {"SignIn": "gone", "Register": "logto-register", "ForgotPassword": "lost", "Generic": "logto-generic"}
    templates = [{"usageType": usage_type, "templateAlias": alias} for usage_type, alias in aliases.items()]

    findings = check(messageStream="inbound", templates=templates)

    assert [(finding.code, finding.path) for finding in findings] == [
        ("credentials_accepted", "$.serverToken"),
        ("sender_rejected", "$.fromEmail"),
        ("stream_inbound", "$.messageStream"),
        ("template_not_found", "$.templates[0].templateAlias"),
        ("template_accepted", "$.templates[1].templateAlias"),
        ("template_not_found", "$.templates[2].templateAlias"),
        ("template_accepted", "$.templates[3].templateAlias"),
    ]


def test_hundreds_of_entries_are_checked_with_two_requests_for_each_template(
    postmark: Connector, sandbox: PostmarkSandbox
) -> None:
    templates = [entry for entry in sandbox.config["templates"] if entry["usageType"] in FOUR]
    for number in range(60):
        sandbox.account.add_template(name="Code", alias=f"code-{number}", html="<b>{{code}}</b>", text="{{code}}")
        templates += [
            {"usageType": usage_type, "locale": f"x-{number}", "templateAlias": f"code-{number}"} for usage_type in FOUR
        ]

    with WireServer(pass_on(sandbox.url)) as server:
        findings = postmark.check_connection({**sandbox.config, "templates": templates, "apiUrl": server.url})

    assert [finding.level for finding in findings] == ["ok"] * (3 + len(templates))
    assert len(server.requests) == 4 + 2 * (len(FOUR) + 60)
