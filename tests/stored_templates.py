"""The changes that make of a new connector one with every optional hook, whose provider stores the templates."""

from __future__ import annotations

from fault import PLUGIN, SANDBOX, SCHEMA, TESTS

STORE = "PACKAGE/store.py"

_HOOKS = '''
@hookimpl
def provision_templates(
    config: Config, templates: Sequence[Template], transport: Transport
) -> list[TemplateChange]:
    """Say what has to change at the provider so that the templates are there."""
    from .store import plan

    return plan(config, templates, transport)


@hookimpl
def get_usage(config: Config, since: date, transport: Transport) -> int:
    """Return how many messages the provider took."""
    from .store import count

    return count(config, since, transport)


@hookimpl
def create_sandbox'''

_STORE = '''"""The provider's templates, and its count of messages."""

from __future__ import annotations

from functools import partial

from connector_core import Finding, Template, TemplateChange, choose_template

from .plugin import SUCCESS, make_headers, read_refusal

NOT_FOUND = 404


def check(config, transport):
    """Say which of the templates are there."""
    for index, entry in enumerate(config["templates"]):
        path = f"$.templates[{index}].templateName"
        if read(config, entry, transport) is None:
            yield Finding("error", "template_not_found", path, "The template is not there.", "Create it.")
        else:
            yield Finding("ok", "template_accepted", path, "The template is there.")


def plan(config, templates, transport):
    """Return a change for each template."""
    changes = []
    for index, entry in enumerate(config["templates"]):
        name = entry["templateName"]
        before = read(config, entry, transport)
        after = choose_template(templates, entry["usageType"], entry.get("locale"))
        change = TemplateChange(
            path=f"$.templates[{index}].templateName",
            name=name,
            usage_type=entry["usageType"],
            locale=entry.get("locale"),
            before=before,
            after=after,
            apply=partial(write, config, name, before, after, transport),
        )
        changes.append(change)
    return changes


def read(config, entry, transport):
    """Return what the provider has of a template."""
    answer = transport.request("GET", make_url(config, entry["templateName"]), headers=make_headers(config))
    if answer.status == NOT_FOUND:
        return None
    body = answer.json()
    texts = {key: body.get(key) for key in ("subject", "html", "text")} if isinstance(body, dict) else {}
    if answer.status != SUCCESS or not texts or not all(isinstance(text, str) for text in texts.values()):
        raise read_refusal(answer)
    return Template(usage_type=entry["usageType"], locale=entry.get("locale"), **texts)


def write(config, name, before, after, transport):
    """Create or change a template."""
    if after is None or (before is not None and before.says_the_same(after)):
        return
    texts = {"subject": after.subject, "html": after.html, "text": after.text}
    answer = transport.request("PUT", make_url(config, name), headers=make_headers(config), json=texts)
    if answer.status != SUCCESS:
        raise read_refusal(answer)


def make_url(config, name):
    """Return where a template is."""
    return f"{config['apiUrl'].rstrip('/')}/templates/{name}"


def count(config, since, transport):
    """Return how many messages the provider took."""
    url = f"{config['apiUrl'].rstrip('/')}/usage?since={since}"
    answer = transport.request("GET", url, headers=make_headers(config))
    body = answer.json()
    number = body.get("count") if isinstance(body, dict) else None
    if answer.status != SUCCESS or type(number) is not int or number < 0:
        raise read_refusal(answer)
    return number
'''

_ROUTES = '''
        app.add_url_rule("/usage", "usage", self.show_usage)
        app.add_url_rule("/templates/<name>", "read", self.show_template)
        app.add_url_rule("/templates/<name>", "write", self.take_template, methods=["PUT"])

    def show_usage(self) -> ResponseReturnValue:
        """Answer a request for the number of messages."""
        from datetime import date

        from flask import request

        since = date.fromisoformat(request.args["since"])
        count = sum(one.submitted_at.date() >= since for one in self.outbox.all())
        return self.refuse_wrong_key() or {"count": count}

    def show_template(self, name: str) -> ResponseReturnValue:
        """Answer a request for a template."""
        unknown = refuse(404, "unknown_template", "There is no such template.")
        return self.refuse_wrong_key() or self._stored.get(name) or unknown

    def take_template(self, name: str) -> ResponseReturnValue:
        """Answer a request to create or change a template."""
        from flask import request

        refusal = self.refuse_wrong_key()
        if refusal is None:
            self._stored[name] = request.get_json()
        return refusal or {}

    def take_stored(self, body: dict[str, Any]) -> ResponseReturnValue:
        """Answer a request to send one message by a template."""
        from connector_core import render_content

        content = render_content(body["payload"], **self._stored[body["template"]])
        message = self.accept(
            to=[body["to"]],
            sender=body["from"],
            subject=content.subject,
            text=content.text,
            html=content.html or "",
            request=body,
            payload=body["payload"],
        )
        return {"id": message.id}
'''

_TYPES = ("SignIn", "Register", "ForgotPassword", "Generic")
_CONFIG = "".join(
    f'        {{"usageType": "{usage_type}", "templateName": "the-{usage_type.lower()}-mail"}},\n'
    for usage_type in _TYPES
)
_MESSAGE = '    message = Message("person@example.com"'
_ACCOUNT = '        app.add_url_rule("/account", "account", self.show_account)\n'
_KEY_OF_SANDBOX = '            self._config["apiKey"] = make_key()\n'
STORED = (
    (PLUGIN, "\n@hookimpl\ndef create_sandbox", _HOOKS),
    (
        PLUGIN,
        "        yield from read_account(answer)\n",
        (
            "        yield from read_account(answer)\n"
            "        from .store import check\n\n"
            "        yield from check(config, transport)\n"
        ),
    ),
    (
        PLUGIN,
        '    is_html = entry["contentType"]',
        (
            '    if "templateName" in entry:\n'
            "        return {\n"
            '            "from": str(Mailbox.parse(config["fromEmail"])),\n'
            '            "to": ascii_address(message.to),\n'
            '            "template": entry["templateName"],\n'
            '            "payload": message.payload,\n'
            "        }\n"
            '    is_html = entry["contentType"]'
        ),
    ),
    (STORE, "", _STORE),
    (SANDBOX, _ACCOUNT, _ACCOUNT + _ROUTES.removeprefix("\n")),
    (
        SANDBOX,
        _KEY_OF_SANDBOX,
        _KEY_OF_SANDBOX
        + (
            '        texts = {"html": "<p>{{code}} {{link}}</p>", "text": "{{code}} {{link}}"}\n'
            '        names = [entry.get("templateName", "") for entry in self._config["templates"]]\n'
            '        self._stored = {name: {"subject": f"About {name}", **texts} for name in names}\n'
        ),
    ),
    (
        SANDBOX,
        "        for field in REQUIRED_FIELDS:\n",
        (
            '        if "template" in body:\n'
            "            return self.take_stored(body)\n"
            "        for field in REQUIRED_FIELDS:\n"
        ),
    ),
    (
        SCHEMA,
        '          "subject": { "$ref"',
        (
            '          "templateName": { "title": "Template", "type": "string", "pattern": "^[a-z-]+$" },\n'
            '          "subject": { "$ref"'
        ),
    ),
    (
        SCHEMA,
        '"required": ["usageType", "subject", "contentType", "content"],',
        '"required": ["usageType"],',
    ),
    (TESTS, _MESSAGE, f'    config["templates"] = [\n{_CONFIG}    ]\n{_MESSAGE}'),
)

_ID = '"templateId": { "title": "Template", "type": "integer", "minimum": 1 },\n'
_OF_NUMBERS = (
    ('"templateName": { "title": "Template", "type": "string", "pattern": "^[a-z-]+$" },\n', _ID),
    ('names = [entry.get("templateName", "") ', 'names = [str(entry.get("templateName", "")) '),
    ('self._stored[body["template"]]', 'self._stored[str(body["template"])]'),
    ("            name=name,\n", "            name=str(name),\n"),
    (
        "            after=after,\n",
        '            after=after,\n            problem="" if before else "Name one that is there.",\n',
    ),
    *((f'"the-{one.lower()}-mail"', str(4001 + place)) for place, one in enumerate(_TYPES)),
    ("templateName", "templateId"),
)


def _use_numbers(text: str) -> str:
    for old, new in _OF_NUMBERS:
        text = text.replace(old, new)
    return text


NUMBERED = tuple((file, old, _use_numbers(new)) for file, old, new in STORED)
"""The same for a provider that alone gives its templates their ids, which are numbers."""
