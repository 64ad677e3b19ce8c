"""What `make demo` shows: each connector checked and one message sent, all to sandboxes, and one that is refused."""

from __future__ import annotations

from connector_core import Host, Message, RecipientRejected

INACTIVE = "hardbounce@bounce-testing.postmarkapp.com"
MESSAGE = Message(
    to="person@example.com",
    type="SignIn",
    payload={"code": "483920", "locale": "en", "application": {"name": "Example App"}},
)


def show_demo() -> None:
    """Send and print what arrived."""
    print(f"One message, {MESSAGE.type} with the code {MESSAGE.payload['code']}, through each connector:\n")
    with Host.discover() as host:
        for connector in host.values():
            with connector.create_sandbox() as sandbox, connector.configure(sandbox.config) as mail:
                levels = [finding.level for finding in mail.check_connection()]
                result = mail.send_message(MESSAGE)
                (accepted,) = sandbox.messages
                print(f"--- {connector.name()} ({connector.id}): {result.status} as {result.message_id}")
                print(f"Checked before, with nothing sent: {levels.count('ok')} of {len(levels)} findings are ok.")
                print(f"Subject: {accepted.subject}\n\n{accepted.text.strip()}\n")
        postmark = host["postmark-mail"]
        with postmark.create_sandbox() as sandbox:
            try:
                postmark.send_message(sandbox.config, Message(INACTIVE, MESSAGE.type, MESSAGE.payload))
            except RecipientRejected as error:
                print(f"--- {postmark.name()}, to an inactive address: {error.code}, {error.outcome}\n{error}")
        print(f"\n{len(host)} mails arrived, 1 was refused. Nothing left this machine.")


if __name__ == "__main__":
    show_demo()
