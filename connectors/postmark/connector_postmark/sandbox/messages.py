"""Sending: from the request for one message to a delivery in the outbox and Postmark's answer."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from connector_core import SandboxMessage, clean_header
from connector_core.sandbox.outbox import Delivery
from connector_postmark.sandbox import bodies
from connector_postmark.sandbox.account import Template, TemplateType
from connector_postmark.sandbox.checks import ENVELOPE_FIELDS, Envelope, check_account, check_envelope
from connector_postmark.sandbox.refusals import Refusal, inactive_recipients, template_not_found
from connector_postmark.sandbox.rendering import ParsedTemplate, RenderingFailed, parse, render

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connector_core.sandbox.outbox import Outbox
    from connector_postmark.sandbox.account import Account

MAX_MODEL_BYTES = 5_000_000

CONTENT_FIELDS: bodies.Fields = {
    "Subject": bodies.text,
    "HtmlBody": bodies.text,
    "TextBody": bodies.text,
}
PLAIN_FIELDS: bodies.Fields = {**ENVELOPE_FIELDS, **CONTENT_FIELDS}
TEMPLATE_FIELDS: bodies.Fields = {
    **PLAIN_FIELDS,
    "TemplateId": bodies.number,
    "TemplateAlias": bodies.text,
    "TemplateModel": bodies.anything,
    "InlineCss": bodies.switch,
}


@dataclass(frozen=True, slots=True)
class Content:
    """What a message says, and where it comes from."""

    subject: str
    html: str
    text: str
    template: str | None = None
    model: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class _Receipt:
    """What is new about an accepted message: its id, the moment (since the epoch), its size in bytes."""

    message_id: str
    nanoseconds: int
    size: int


class Mailer:
    """Check messages and deliver them to the outbox."""

    def __init__(self, account: Account, outbox: Outbox) -> None:
        self._account = account
        self._outbox = outbox

    def send(self, request: Any, *, templated: bool, deliver: bool, size: int) -> dict[str, Any]:
        """Send one message, or refuse it.

        `deliver` is false for the test token, whose messages are checked only. `size` in bytes is what the
        outbox accounts for the message.
        """
        body = bodies.as_object(request)
        fields = bodies.read_fields(body, TEMPLATE_FIELDS if templated else PLAIN_FIELDS)
        envelope = check_envelope(fields, self._account)
        content = self._from_template(fields) if templated else _from_fields(fields)
        check_account(envelope, self._account)
        recipients = [*envelope.to, *envelope.cc, *envelope.bcc]
        if not any(envelope.active([each]) for each in recipients):
            raise inactive_recipients(envelope.inactive)
        receipt = _Receipt(str(uuid.uuid4()), time.time_ns(), size)
        if deliver:
            delivery = _delivery(body, fields, envelope, content, receipt)
            self._outbox.add(delivery)
            self._account.sent.add(delivery.submitted_at, envelope.stream, fields.get("Tag", ""))
        return _answer(fields, envelope, receipt, deliver=deliver)

    def _from_template(self, fields: Mapping[str, Any]) -> Content:
        not_allowed = [name for name in CONTENT_FIELDS if name in fields]
        if not_allowed:
            raise Refusal(
                1123,
                f"The field(s) {', '.join(not_allowed)} can't be combined with a template: the template has them.",
            )
        template = self._find_template(fields)
        model = check_model(fields.get("TemplateModel"))
        html, text = with_layout(template, self._account)
        try:
            return Content(
                subject=clean_header(render(parse(template.subject), model, escape=False)),
                html=render(html, model, escape=True),
                text=render(text, model, escape=False),
                template=template.alias or str(template.id),
                model=model,
            )
        except RenderingFailed as error:
            # Postmark accepts such a message and bounces it later; whoever reads the outbox gets told at once.
            note = f"Postmark would bounce this message (TemplateRenderingFailed): {error}"
            return Content(note, "", note, template.alias or str(template.id), model)

    def _find_template(self, fields: Mapping[str, Any]) -> Template:
        template_id, alias = fields.get("TemplateId"), fields.get("TemplateAlias")
        if template_id and alias:
            raise Refusal(300, "Name a template by either 'TemplateId' or 'TemplateAlias', not by both.")
        template = self._account.find_template(template_id or alias or 0)
        if template is None or template.type == TemplateType.LAYOUT or not template.active:
            raise template_not_found("Alias" if alias else "TemplateId")
        return template


def check_model(model: Any) -> Mapping[str, Any]:
    """Return a template model, or refuse it (1120 missing, 1121 too large, 1122 invalid); [] counts as {}."""
    if model is None:
        raise Refusal(1120, "A required template field is missing: 'TemplateModel'.")
    if model == []:
        return {}
    if not isinstance(model, dict):
        raise Refusal(1122, "A template field is invalid: 'TemplateModel' has to be an object.")
    if len(json.dumps(model, ensure_ascii=False).encode(errors="replace")) > MAX_MODEL_BYTES:
        raise Refusal(1121, f"A template field is too large: 'TemplateModel' is limited to {MAX_MODEL_BYTES} bytes.")
    return model


def with_layout(template: Template, account: Account) -> tuple[ParsedTemplate, ParsedTemplate]:
    """Return the HTML and the text body of a template inside its layout; a part the layout lacks stays bare."""
    html, text = parse(template.html), parse(template.text)
    layout = account.find_template(template.layout_id) if template.layout_id else None
    if layout is not None:
        html = parse(layout.html).fill(html) if layout.html and template.html else html
        text = parse(layout.text).fill(text) if layout.text and template.text else text
    return html, text


def _from_fields(fields: Mapping[str, Any]) -> Content:
    if "HtmlBody" not in fields and "TextBody" not in fields:
        raise Refusal(300, "Provide either email TextBody or HtmlBody or both.")
    return Content(fields.get("Subject", ""), fields.get("HtmlBody", ""), fields.get("TextBody", ""))


def _delivery(
    body: Mapping[str, Any], fields: Mapping[str, Any], envelope: Envelope, content: Content, receipt: _Receipt
) -> Delivery:
    return Delivery(
        message=SandboxMessage(
            id=receipt.message_id,
            to=envelope.active(envelope.to),
            subject=content.subject,
            text=content.text,
            html=content.html,
            payload=content.model,
            request=body,
        ),
        submitted_at=datetime.fromtimestamp(receipt.nanoseconds / 1e9, UTC),
        sender=fields["From"],
        details={
            "cc": envelope.active(envelope.cc),
            "bcc": envelope.active(envelope.bcc),
            "template": content.template,
            "stream": envelope.stream,
            "replyTo": fields.get("ReplyTo"),
            "tag": fields.get("Tag"),
            "metadata": [f"{name}: {value}" for name, value in fields.get("Metadata", {}).items()],
            "headers": [f"{each.get('Name', '')}: {each.get('Value', '')}" for each in fields.get("Headers", [])],
            "attachments": [_name_attachment(each) for each in fields.get("Attachments", [])],
        },
        size=receipt.size + len(content.html) + len(content.text),
    )


def _name_attachment(attachment: Mapping[str, Any]) -> str:
    """Return what the page calls an attachment: its name, and for an inline one what the HTML names it by."""
    name, content_id = attachment["Name"], attachment.get("ContentID")
    return name if content_id is None else f"{name} ({content_id})"


def _answer(fields: Mapping[str, Any], envelope: Envelope, receipt: _Receipt, *, deliver: bool) -> dict[str, Any]:
    seconds, rest = divmod(receipt.nanoseconds, 1_000_000_000)
    moment = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    message = "OK" if deliver else "Test job accepted"
    if envelope.inactive:
        message = (
            "Message OK, but will not deliver to these inactive addresses: "
            f"{', '.join(envelope.inactive)}. Inactive recipients are ones that have generated a hard bounce, a spam "
            "complaint, or a manual suppression."
        )
    # A message with Cc or Bcc alone is answered without To; seven fractional digits are .NET's.
    to = {"To": fields["To"]} if "To" in fields else {}
    return {
        **to,
        "SubmittedAt": f"{moment}.{rest // 100:07d}Z",
        "MessageID": receipt.message_id,
        "ErrorCode": 0,
        "Message": message,
    }
