"""What `make demo` shows: one mail for each usage type through the Postmark connector, and one that is refused."""

from __future__ import annotations

from connector_core import USAGE_TYPES, Host, Message, RecipientRejected

INACTIVE = "hardbounce@bounce-testing.postmarkapp.com"
PAYLOAD = {
    "code": "483920",
    "link": "https://app.example.com/invitations/483920",
    "locale": "en",
    "application": {"name": "Example App"},
    "organization": {"name": "Example Ltd"},
}


def show_demo() -> None:
    """Send and print what arrived."""
    with Host.discover() as host:
        postmark = host["postmark-mail"]
        config = {**postmark.template_config(), "serverToken": "demo-token", "fromEmail": "noreply@example.com"}
        with postmark.create_sandbox(config) as sandbox, postmark.configure(sandbox.config) as mail:
            print(f"{postmark.name()} sends to its sandbox at {sandbox.url}\n")
            for usage_type in USAGE_TYPES:
                result = mail.send_message(Message("person@example.com", usage_type, PAYLOAD))
                accepted = sandbox.messages[-1]
                print(f"--- {usage_type}: {result.status} as {result.message_id}")
                print(f"Subject: {accepted.subject}\n\n{accepted.text.strip()}\n")
            try:
                mail.send_message(Message(INACTIVE, "SignIn", PAYLOAD))
            except RecipientRejected as error:
                print(f"--- SignIn to an inactive address: {error.code}, {error.outcome}\n{error}")
            print(f"\n{len(sandbox.messages)} mails arrived, 1 was refused.")


if __name__ == "__main__":
    show_demo()
