"""The Mailgun sandbox: the connector sends to it, and it refuses what Mailgun refuses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import requests
from connector_mailgun.sandbox import LARGEST_REQUEST, MailgunSandbox

from connector_core import (
    USAGE_TYPES,
    AccountRestricted,
    AuthorizationFailed,
    Connector,
    Host,
    Message,
    RecipientRejected,
    SenderRejected,
    SendError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Post = Callable[..., requests.Response]

MESSAGE = Message("ann@example.com", "SignIn", {"code": "123456"})
FORM = {"from": "Ann <a@mg.example.com>", "to": "bob@example.com", "subject": "Hello", "text": "Text"}


@pytest.fixture(scope="module")
def mailgun() -> Iterator[Connector]:
    with Host.discover() as host:
        yield host["mailgun-email"]


@pytest.fixture
def sandbox() -> Iterator[MailgunSandbox]:
    with MailgunSandbox() as running:
        yield running


@pytest.fixture
def post(sandbox: MailgunSandbox) -> Iterator[Post]:
    """Post a form to the sandbox, with its key and domain unless a test brings others."""
    with requests.Session() as session:
        session.trust_env = False

        def call(form: Any, domain: str = "mg.example.com", auth: Any = None, **arguments: Any) -> requests.Response:
            auth = ("api", sandbox.config["apiKey"]) if auth is None else auth
            url = f"{sandbox.url}/v3/{domain}/messages"
            return session.post(url, data=form, auth=auth or None, timeout=20, **arguments)

        yield call


# Through the connector


def test_its_own_config_is_valid_and_serves_every_usage_type(mailgun: Connector) -> None:
    with mailgun.create_sandbox() as sandbox:
        assert mailgun.validate_config(sandbox.config) == []
        for usage_type in USAGE_TYPES:
            payload = {"code": "123456", "link": "https://app.example.com/i/7"}
            assert mailgun.send_message(sandbox.config, Message("ann@example.com", usage_type, payload)).message_id
        assert len(sandbox.messages) == len(USAGE_TYPES)
        assert all("123456" in message.text or "/i/7" in message.text for message in sandbox.messages)
        assert not any("{{" in message.subject + message.text + message.html for message in sandbox.messages)


def test_a_message_is_as_its_recipient_would_see_it(mailgun: Connector) -> None:
    with mailgun.create_sandbox() as sandbox:
        result = mailgun.send_message(sandbox.config, MESSAGE)
        (message,) = sandbox.messages
    assert result.message_id == message.id
    assert (result.status, result.recipients) == ("queued", {"ann@example.com": "queued"})
    assert message.to == ("ann@example.com",)
    assert message.subject == "123456 is your code to sign in"
    assert message.text == "Enter the code 123456 to sign in."
    assert message.html == "<p>Enter the code <b>123456</b> to sign in.</p>"
    assert message.payload is None
    assert message.request == {
        "from": "Example <noreply@mg.example.com>",
        "to": "ann@example.com",
        "subject": message.subject,
        "text": message.text,
        "html": message.html,
    }


def test_a_template_is_shown_by_its_name_and_its_variables(mailgun: Connector) -> None:
    payload = {"code": "<123456>", "application": {"name": "Exämple"}}
    with mailgun.create_sandbox() as sandbox:
        config = sandbox.config
        config["deliveries"]["SignIn"] = {"template": "sign-in", "variables": {"product": "P"}}
        mailgun.send_message(config, Message("ann@example.com", "SignIn", payload))
        (message,) = sandbox.messages
    assert message.payload == {"product": "P", **payload}
    assert message.subject == "Template sign-in"
    assert message.text == 'Template sign-in\n\nproduct: P\ncode: <123456>\napplication: {"name": "Exämple"}'
    assert "code: &lt;123456&gt;" in message.html


def test_it_knows_the_key_and_the_domain_of_a_config_that_it_is_made_with(mailgun: Connector) -> None:
    with mailgun.create_sandbox() as first:
        config = {**first.config, "apiKey": "another-key", "domain": "Other.Example.com", "tag": "codes"}
    with mailgun.create_sandbox(config) as sandbox:
        assert {**sandbox.config, "endpoint": config["endpoint"]} == config
        result = mailgun.send_message(sandbox.config, MESSAGE)
        assert result.message_id.endswith("@other.example.com>")
        with pytest.raises(AuthorizationFailed):
            mailgun.send_message({**sandbox.config, "apiKey": "made-up"}, MESSAGE)
        with pytest.raises(SenderRejected) as caught:
            mailgun.send_message({**sandbox.config, "domain": "mg.example.com"}, MESSAGE)
        assert caught.value.provider is not None
        assert caught.value.provider.message == "Domain not found: mg.example.com"
        assert len(sandbox.messages) == 1


def test_a_config_whose_key_is_kept_elsewhere_gets_a_key_of_the_sandbox(mailgun: Connector) -> None:
    with mailgun.create_sandbox() as first:
        config = {**first.config, "apiKey": {"$env": "MAILGUN_API_KEY"}}
    with mailgun.create_sandbox(config) as sandbox:
        assert mailgun.send_message(sandbox.config, MESSAGE).status == "queued"


def test_it_knows_the_key_of_a_config_that_was_read(mailgun: Connector) -> None:
    with mailgun.create_sandbox() as first:
        config = {**first.config, "apiKey": "own-key"}
    with mailgun.configure(config) as configured, mailgun.create_sandbox(configured.config) as sandbox:
        assert sandbox.config == {**config, "endpoint": sandbox.config["endpoint"]}
        assert mailgun.send_message(sandbox.config, MESSAGE).status == "queued"


def test_two_sandboxes_know_their_own_keys_only(mailgun: Connector) -> None:
    with mailgun.create_sandbox() as one, mailgun.create_sandbox() as other:
        with pytest.raises(AuthorizationFailed):
            mailgun.send_message({**one.config, "endpoint": other.config["endpoint"]}, MESSAGE)
        mailgun.send_message(one.config, MESSAGE)
        assert (len(one.messages), len(other.messages)) == (1, 0)


@pytest.mark.parametrize(
    ("to", "kind", "recipients"),
    [
        ("refused@example.com", AccountRestricted, ()),
        ("jürgen@example.com", RecipientRejected, ("jürgen@example.com",)),
        ("ann@localhost", RecipientRejected, ("ann@localhost",)),
    ],
)
def test_it_refuses_some_recipients(
    mailgun: Connector, to: str, kind: type[SendError], recipients: tuple[str, ...]
) -> None:
    with mailgun.create_sandbox() as sandbox:
        config = sandbox.config
        with pytest.raises(SendError) as caught:
            mailgun.send_message(config, Message(to, "SignIn", {"code": "1"}))
        assert type(caught.value) is kind
        assert caught.value.recipients == recipients
        assert sandbox.messages == []


def test_a_config_that_is_handed_out_is_a_copy(sandbox: MailgunSandbox) -> None:
    sandbox.config["deliveries"].clear()
    assert sandbox.config["deliveries"]


# Its API


@pytest.mark.parametrize("auth", [False, ("api", "wrong"), ("api", ""), ("", "key"), ("API", "key"), ("api", "kéy")])
def test_without_the_key_it_is_forbidden_as_mailgun_has_it(post: Post, auth: Any) -> None:
    answer = post(FORM, auth=auth)
    assert (answer.status_code, answer.text) == (401, "Forbidden")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="MG API"'


@pytest.mark.parametrize("header", ["Bearer x", "Basic", "Basic ?", "Basic YXBp", "api:key"])
def test_other_credentials_are_forbidden(sandbox: MailgunSandbox, header: str) -> None:
    url = f"{sandbox.url}/v3/mg.example.com/messages"
    assert requests.post(url, data=FORM, headers={"Authorization": header}, timeout=20).status_code == 401


def test_another_domain_is_not_found(post: Post) -> None:
    answer = post(FORM, "not-our-doma.in")
    assert (answer.status_code, answer.json()) == (404, {"message": "Domain not found: not-our-doma.in"})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"from": None}, "from parameter is missing"),
        ({"to": None}, "to parameter is missing"),
        ({"to": ""}, "to parameter is missing"),
        ({"from": "nonsense"}, "from parameter is not a valid address. please check documentation"),
        ({"to": "sallygmail.com"}, "to parameter is not a valid address. please check documentation"),
        ({"to": "a@b.example, x"}, "to parameter is not a valid address. please check documentation"),
        ({"to": "a@b.example\r\nBcc: c@d.example"}, "to parameter is not a valid address. please check documentation"),
        ({"cc": "nonsense"}, "cc parameter is not a valid address. please check documentation"),
        ({"bcc": "nonsense"}, "bcc parameter is not a valid address. please check documentation"),
        ({"text": None}, "Need at least one of 'text', 'html', 'amp-html' or 'template' parameters specified"),
        ({"t:variables": "{"}, "'t:variables' parameter is not a valid JSON"),
        ({"t:variables": "[]"}, "'t:variables' parameter is not a valid JSON"),
    ],
)
def test_a_form_that_mailgun_refuses_is_refused(
    post: Post, sandbox: MailgunSandbox, changes: dict[str, Any], said: str
) -> None:
    answer = post({**FORM, **changes})
    assert (answer.status_code, answer.json()) == (400, {"message": said})
    assert sandbox.messages == []


def test_everybody_who_would_get_the_mail_is_named(post: Post, sandbox: MailgunSandbox) -> None:
    form = [
        *FORM.items(),
        ("to", "Eve <eve@example.com>, c@example.com"),
        ("cc", "d@example.com"),
        ("bcc", "bob@example.com"),
    ]
    answer = post(form)
    assert answer.json() == {"id": sandbox.messages[0].id, "message": "Queued. Thank you."}
    assert sandbox.messages[0].to == ("bob@example.com", "eve@example.com", "c@example.com", "d@example.com")
    assert sandbox.messages[0].request["to"] == ["bob@example.com", "Eve <eve@example.com>, c@example.com"]


def test_a_form_in_parts_is_read_too(post: Post, sandbox: MailgunSandbox) -> None:
    post(None, files={name: (None, value) for name, value in FORM.items()})
    assert sandbox.messages[0].request == FORM


def test_a_large_form_is_read_up_to_mailguns_limit(post: Post, sandbox: MailgunSandbox) -> None:
    assert post({**FORM, "text": "x" * 2_000_000}).status_code == 200
    assert len(sandbox.messages[0].text) == 2_000_000
    answer = post("from=a@b.example&text=" + "x" * LARGEST_REQUEST)
    assert (answer.status_code, answer.json()) == (413, {"message": "request size exceeds 52.4MiB limit"})


def test_the_page_shows_what_mailgun_was_told_besides(mailgun: Connector, sandbox: MailgunSandbox) -> None:
    config = {**sandbox.config, "testMode": True, "tag": "codes"}
    config["deliveries"]["SignIn"]["replyTo"] = "support@example.com"
    mailgun.send_message(config, MESSAGE)
    (shown,) = requests.get(f"{sandbox.url}/sandbox/messages", timeout=20).json()
    details = {name: shown[name] for name in ("from", "template", "replyTo", "tag", "testMode")}
    assert details == {
        "from": "Example <noreply@mg.example.com>",
        "template": None,
        "replyTo": "support@example.com",
        "tag": "codes",
        "testMode": "yes",
    }
    page = requests.get(sandbox.url, timeout=20)
    assert page.status_code == 200
    assert "123456 is your code to sign in" in page.text


@pytest.mark.parametrize(
    ("state", "kind", "said"),
    [
        ("unverified", SenderRejected, "The domain is unverified and requires DNS configuration."),
        ("disabled", AccountRestricted, "The domain is disabled."),
    ],
)
def test_a_domain_that_is_not_active_sends_nothing(
    mailgun: Connector, state: Any, kind: type[SendError], said: str
) -> None:
    with MailgunSandbox(domain_state=state) as sandbox:
        with pytest.raises(kind) as caught:
            mailgun.send_message(sandbox.config, MESSAGE)
        assert sandbox.messages == []
    assert caught.value.provider is not None
    assert f"{caught.value.provider.message}".startswith(f"Domain mg.example.com is not allowed to send: {said}")


def test_a_sending_key_sends_and_reads_nothing(mailgun: Connector) -> None:
    with MailgunSandbox(is_sending_key=True) as sandbox:
        auth = ("api", sandbox.config["apiKey"])
        paths = ["v4/domains/mg.example.com", "v3/mg.example.com/templates/x", "v4/templates/x"]
        answers = [requests.get(f"{sandbox.url}/{path}", auth=auth, timeout=20) for path in paths]
        answers.append(requests.post(f"{sandbox.url}/v1/analytics/metrics", json={}, auth=auth, timeout=20))
        assert [(answer.status_code, answer.text) for answer in answers] == [(401, "Forbidden")] * 4
        assert mailgun.send_message(sandbox.config, MESSAGE).status == "queued"


def test_it_tells_of_its_domain_and_of_the_templates_that_its_config_names() -> None:
    deliveries = {"SignIn": [{"template": "sign-in"}, {"template": "empty", "locale": "de"}], "Generic": {"text": "x"}}
    config = {"domain": "MG.example.com", "apiKey": "own-key", "from": "a@mg.example.com", "deliveries": deliveries}
    with MailgunSandbox(config, empty_templates=["empty"]) as sandbox:

        def get(path: str) -> requests.Response:
            return requests.get(f"{sandbox.url}/{path}", auth=("api", "own-key"), timeout=20)

        domain = get("v4/domains/mg.example.com").json()["domain"]
        assert (domain["name"], domain["state"], domain["type"]) == ("mg.example.com", "active", "custom")
        templates = "v3/mg.example.com/templates"
        assert "version" not in get(f"{templates}/sign-in").json()["template"]
        assert get(f"{templates}/sign-in?active=yes").json()["template"]["version"]["active"] is True
        assert "version" not in get(f"{templates}/empty?active=yes").json()["template"]
        unknown = [get(f"{templates}/other"), get("v4/domains/x.example"), get("v3/x.example/templates/sign-in")]
        assert [answer.status_code for answer in unknown] == [404] * 3
        said = ["template not found", "Domain not found", "Domain not found"]
        assert [answer.json() for answer in unknown] == [{"message": one} for one in said]


def test_a_template_of_the_account_is_not_one_of_the_domain() -> None:
    config = {"domain": "mg.example.com", "apiKey": "own-key", "deliveries": {"SignIn": {"template": "sign-in"}}}
    with MailgunSandbox(config, account_templates=["sign-in"]) as sandbox:

        def get(path: str) -> requests.Response:
            return requests.get(f"{sandbox.url}/{path}", auth=("api", "own-key"), timeout=20)

        assert get("v3/mg.example.com/templates/sign-in").status_code == 404
        assert get("v4/templates/sign-in?active=yes").json()["template"]["version"]["active"] is True
        assert get("v4/templates/other").json() == {"message": "template not found"}


def test_other_paths_and_methods_are_refused(sandbox: MailgunSandbox) -> None:
    assert requests.get(f"{sandbox.url}/v3/mg.example.com/messages", timeout=20).status_code == 405
    assert requests.post(f"{sandbox.url}/v3/messages", timeout=20).status_code == 404


def test_a_payload_with_anything_in_it_is_shown(mailgun: Connector, sandbox: MailgunSandbox) -> None:
    payload = {"code": "a\ud800\u0000b", "deep": [[None, {"x": 1.5}]], "": "empty"}
    config = sandbox.config
    config["deliveries"]["SignIn"] = {"template": "sign-in"}
    mailgun.send_message(config, Message("ann@example.com", "SignIn", payload))
    payload["code"] = "a\ufffd\u0000b"
    assert sandbox.messages[0].payload == payload
    assert requests.get(sandbox.url, timeout=20).status_code == 200
    assert json.loads(requests.get(f"{sandbox.url}/sandbox/messages", timeout=20).text)[0]["payload"] == payload
