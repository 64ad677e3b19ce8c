"""The Python clients of the comparison: each sends template mails to a local Postmark, one by one or many at once.

Usage: python clients.py CLIENT URL, which then reads lines such as `single 500` or `batch 10000` and prints seconds.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Send = Callable[[int], None]

TOKEN = "made-up-token-4711"
SENDER, TO, ALIAS = "noreply@example.com", "a@example.com", "logto-sign-in"
MODEL = {"code": "123456", "locale": "de"}
MOST = 500


def connector_core(url: str) -> dict[str, Send]:
    """Return the ways of this project: a configured connector, kept between sends."""
    from connector_core import Host, Message, SendResult

    connector = Host.discover()["postmark-mail"]
    start = connector.template_config()
    mail = connector.configure({**start, "serverToken": TOKEN, "fromEmail": SENDER, "apiUrl": url})
    message = Message(TO, "SignIn", MODEL)

    def single(count: int) -> None:
        for _ in range(count):
            mail.send_message(message)

    def batch(count: int) -> None:
        assert all(isinstance(one, SendResult) for one in mail.send_messages(message for _ in range(count)))

    return {"single": single, "batch": batch}


def bare_requests(url: str) -> dict[str, Send]:
    """Return what somebody writes without a client: a kept `requests.Session`."""
    import requests

    session = requests.Session()
    headers = {"Accept": "application/json", "X-Postmark-Server-Token": TOKEN}
    body = {"From": SENDER, "To": TO, "TemplateAlias": ALIAS, "TemplateModel": MODEL}

    def post(path: str, json: Any) -> Any:
        answer = session.post(f"{url}{path}", json=json, headers=headers, timeout=10)
        answer.raise_for_status()
        return answer.json()

    def single(count: int) -> None:
        for _ in range(count):
            assert post("/email/withTemplate", body)["MessageID"]

    def batch(count: int) -> None:
        for start in range(0, count, MOST):
            size = min(MOST, count - start)
            assert len(post("/email/batchWithTemplates", {"Messages": [body] * size})) == size

    return {"single": single, "batch": batch}


def postmarker(url: str) -> dict[str, Send]:
    """Return the ways of postmarker."""
    from postmarker.core import PostmarkClient

    client = PostmarkClient(server_token=TOKEN, root_api_url=f"{url}/", timeout=10)
    mail = {"From": SENDER, "To": TO, "TemplateAlias": ALIAS, "TemplateModel": MODEL}

    def single(count: int) -> None:
        for _ in range(count):
            assert client.emails.send_with_template(TemplateId=None, **mail)["MessageID"]

    def batch(count: int) -> None:
        assert len(client.emails.send_template_batch(*[{**mail, "TemplateId": None} for _ in range(count)])) == count

    return {"single": single, "batch": batch}


MAIL = {"sender": SENDER, "to": TO, "template_alias": ALIAS, "template_model": MODEL}


def postmark_python(url: str) -> dict[str, Send]:
    """Return the ways of postmark-python, called from plain code."""
    from postmark.sync import ServerClient

    client = ServerClient(TOKEN, retries=0, base_url=url, timeout=10)

    def single(count: int) -> None:
        for _ in range(count):
            assert client.outbound.send_with_template(MAIL).message_id

    def batch(count: int) -> None:
        for start in range(0, count, MOST):
            size = min(MOST, count - start)
            assert len(client.outbound.send_batch_with_template([MAIL] * size)) == size

    return {"single": single, "batch": batch}


def postmark_python_async(url: str) -> dict[str, Send]:
    """Return the ways of postmark-python, called from asyncio."""
    from postmark import ServerClient

    runner = asyncio.Runner()
    client = ServerClient(TOKEN, retries=0, base_url=url, timeout=10)

    async def send_each(count: int) -> None:
        for _ in range(count):
            assert (await client.outbound.send_with_template(MAIL)).message_id

    async def send_all(count: int) -> None:
        for start in range(0, count, MOST):
            size = min(MOST, count - start)
            assert len(await client.outbound.send_batch_with_template([MAIL] * size)) == size

    return {"single": lambda count: runner.run(send_each(count)), "batch": lambda count: runner.run(send_all(count))}


def django_anymail(url: str) -> dict[str, Send]:
    """Return the ways of Anymail: its default opens a connection for each call, `single kept` keeps one open."""
    from django.conf import settings

    backend = "anymail.backends.postmark.EmailBackend"
    anymail = {"POSTMARK_SERVER_TOKEN": TOKEN, "POSTMARK_API_URL": f"{url}/"}
    settings.configure(EMAIL_BACKEND=backend, ANYMAIL=anymail, DEFAULT_FROM_EMAIL=SENDER)
    from anymail.message import AnymailMessage
    from django.core.mail import get_connection

    def make(recipients: list[str], **parts: Any) -> Any:
        return AnymailMessage(to=recipients, template_id=ALIAS, **parts)

    def single(count: int) -> None:
        for _ in range(count):
            assert make([TO], merge_global_data=MODEL).send() == 1

    def single_kept(count: int) -> None:
        with get_connection() as connection:
            for _ in range(count):
                assert make([TO], merge_global_data=MODEL, connection=connection).send() == 1

    def batch(count: int) -> None:
        with get_connection() as connection:
            for start in range(0, count, MOST):
                recipients = [f"p{number}@example.com" for number in range(start, min(start + MOST, count))]
                data = dict.fromkeys(recipients, MODEL)
                assert make(recipients, merge_data=data, connection=connection).send() == 1

    return {"single": single, "single kept": single_kept, "batch": batch}


CLIENTS: dict[str, Callable[[str], dict[str, Send]]] = {
    "connector-core": connector_core,
    "bare requests": bare_requests,
    "postmarker": postmarker,
    "postmark-python": postmark_python,
    "postmark-python async": postmark_python_async,
    "django-anymail": django_anymail,
}

if __name__ == "__main__":
    ways = CLIENTS[sys.argv[1]](sys.argv[2])
    print(*ways, sep="\t", flush=True)
    for line in sys.stdin:
        way, _, number = line.strip().rpartition(" ")
        started = time.perf_counter()
        ways[way](int(number))
        print(time.perf_counter() - started, flush=True)
