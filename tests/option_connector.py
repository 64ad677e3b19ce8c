"""Changes to what `connectors new` writes: a connector that sends the options of a message, and batches."""

from fault import METADATA, PLUGIN, SANDBOX

_LIMITS = (
    '"messageLimits": {"recipients": 6, "attachments": 3, "tags": 2, "tagLength": 20, "metadata": 2, '
    '"metadataKeyLength": 10, "metadataValueLength": 20, "messageBytes": 100000, "batchMessages": 3}'
)
_OPTIONS = (
    '"messageOptions": ["cc", "bcc", "replyTo", "headers", "tags", "metadata", "attachments", "inlineAttachments", '
    '"content"]'
)
_MAKE = '''\
    return {**body, **make_options(message)}


def make_options(message: Message) -> dict[str, Any]:
    """Return the fields of a message's options."""
    options = {
        "cc": list(message.cc),
        "bcc": list(message.bcc),
        "replyTo": message.reply_to,
        "headers": dict(message.headers),
        "tags": list(message.tags),
        "metadata": dict(message.metadata),
        "attachments": [one.to_json() for one in message.attachments],
    }
    return {name: value for name, value in options.items() if value}
'''
_HOOK = '''\
@hookimpl
def send_messages(config: Config, messages: Any, transport: Transport) -> list[SendResult | SendError]:
    """Send many mails at once."""
    bodies = [make_body(config, message) for message in messages]
    url = f"{make_url(config)}/batch"
    answer = transport.request("POST", url, headers=make_headers(config), json={"messages": bodies})
    if answer.status != SUCCESS:
        raise read_refusal(answer)
    body = answer.json()
    ids = body.get("ids") if isinstance(body, dict) else None
    if not isinstance(ids, list) or len(ids) != len(messages) or not all(isinstance(one, str) for one in ids):
        raise make_refusal(answer, PROVIDER)
    return [SendResult(message_id=one, recipients=tell(message)) for one, message in zip(ids, messages, strict=True)]


def tell(message: Message) -> dict[str, Any]:
    """Return what became of everybody."""
    return dict.fromkeys((message.to, *message.cc, *message.bcc), "sent")


'''
_ROUTE = '        app.add_url_rule("/account", "account", self.show_account)\n'
_TAKE = '''\
    def take_batch(self) -> ResponseReturnValue:
        """Answer a request to send many messages."""
        from flask import request

        return self.refuse_wrong_key() or {"ids": [self.take(body) for body in request.get_json()["messages"]]}

    def take(self, body: dict[str, Any]) -> str:
        """Take one message and return its id."""
        texts = {name: body.get(name, "") for name in ("subject", "text", "html")}
        to = [body["to"], *body.get("cc", []), *body.get("bcc", [])]
        return self.accept(to=to, sender=body["from"], request=body, **texts).id

    def show_account('''

OPTIONS = (
    (
        METADATA,
        '"configSchema": "config.schema.json"',
        f'{_OPTIONS},\n  {_LIMITS},\n  "configSchema": "config.schema.json"',
    ),
    (PLUGIN, "    body = {\n", "    content = message.content or content\n    body = {\n"),
    (PLUGIN, "    return body\n", _MAKE),
    (PLUGIN, 'recipients={message.to: "sent"})', "recipients=tell(message))"),
    (PLUGIN, "@hookimpl\ndef check_connection(", f"{_HOOK}@hookimpl\ndef check_connection("),
    (
        SANDBOX,
        _ROUTE,
        f'{_ROUTE}        app.add_url_rule("/messages/batch", "batch", self.take_batch, methods=["POST"])\n',
    ),
    (SANDBOX, "    def show_account(", _TAKE),
    (SANDBOX, 'to=[body["to"]],', 'to=[body["to"], *body.get("cc", []), *body.get("bcc", [])],'),
)
