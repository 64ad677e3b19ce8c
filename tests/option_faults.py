"""Faults in what a connector does with the options of a message, with its limits, and with batches."""

from fault import METADATA, PLUGIN, Fault, fault
from option_connector import OPTIONS

ARRIVES = "test_each_option_that_is_declared_reaches_the_provider"
ALONE = "test_an_option_goes_with_its_message_alone"
UNDECLARED = "test_each_option_that_is_not_declared_is_refused"
LIMITS = "test_the_limits_of_a_message_are_kept"
CLEAN = "test_an_option_injects_nothing"
BATCH = "test_a_batch_tells_of_each_message_in_order"
BATCH_LOST = "test_a_batch_whose_answer_gets_lost_leaves_every_outcome_unknown"
BATCH_SHAPE = "test_a_batch_whose_answer_cant_be_understood_leaves_every_outcome_unknown"
BATCH_KEY = "test_a_batch_with_wrong_credentials_is_an_authorization_failure_for_each"

_FILES = "[one.to_json() for one in message.attachments],\n"
_RETURN = (
    "    return [SendResult(message_id=one, recipients=tell(message)) "
    "for one, message in zip(ids, messages, strict=True)]\n"
)
_PLAIN = "    return {name: value for name, value in options.items() if value}\n"
_SPLIT = """\
from email.header import decode_header, make_header


def split(headers: Any) -> Any:
    for name, text in headers.items():
        for line in f"{name}: {make_header(decode_header(text))}".splitlines():
            yield line.split(": ", 1)


"""
_POST = '    answer = transport.request("POST", url, headers=make_headers(config), json={"messages": bodies})\n'
_HOOK = "@hookimpl\ndef send_messages("


def with_options(name: str, check: str, says: str, *changes: tuple[str, str]) -> Fault:
    return fault(name, check, says, *OPTIONS, *((PLUGIN, old, new) for old, new in changes))


def wrapped(code: str) -> tuple[str, str]:
    """Return a change by which the connector alters each message before the core has checked it."""
    wrapper = f'@hookimpl(wrapper=True, specname="send_message")\ndef alter(message: Message) -> Any:\n    {code}\n'
    return _HOOK, f"{wrapper}    return (yield)\n\n\n{_HOOK}"


SENT = (
    with_options(
        "declared option dropped",
        ARRIVES,
        "The option replyTo is declared, and of a message with replyTo this was lost: kit-answers@example.com",
        ('        "replyTo": message.reply_to,\n', ""),
    ),
    fault(
        "undone option declared",
        ARRIVES,
        "The option tags is declared",
        (METADATA, '"configSchema"', '"messageOptions": ["tags"],\n  "configSchema"'),
    ),
    with_options(
        "copies dropped",
        ARRIVES,
        "A message with bcc did not go to kit-bcc-1@example.com",
        ('        "bcc": list(message.bcc),\n', ""),
    ),
    with_options(
        "copies cut to the first one",
        ARRIVES,
        "A message with cc did not go to kit-cc-2@example.com",
        ('"cc": list(message.cc),', '"cc": list(message.cc[:1]),'),
    ),
    with_options(
        "copies not told",
        ARRIVES,
        "The result of a message with cc lacks the recipient kit-cc-1@example.com",
        ("recipients=tell(message))\n\n\ndef read_account", 'recipients={message.to: "sent"})\n\n\ndef read_account'),
    ),
    with_options(
        "file without its content",
        ARRIVES,
        "The option attachments is declared",
        (_FILES, '[{**one.to_json(), "content": ""} for one in message.attachments],\n'),
    ),
    with_options(
        "inline file like any other",
        ARRIVES,
        "The option inlineAttachments is declared",
        (_FILES, '[{**one.to_json(), "contentId": None} for one in message.attachments],\n'),
    ),
    with_options(
        "placeholders of content filled in",
        ARRIVES,
        "this was lost: Kit subject {{code}}",
        (
            "message.content or content\n",
            "message.content and render_content({'code': 1}, subject=message.content.subject, text='') or content\n",
        ),
    ),
    with_options(
        "options lost where there are several",
        ARRIVES,
        "The option headers is declared, and of a message with cc, bcc,",
        ('"headers": dict(message.headers),', '"headers": not message.cc and dict(message.headers),'),
    ),
    with_options(
        "option kept for the next message",
        ALONE,
        "A message without options has something of them: kit-tag",
        ("def make_options(", "_KEPT: dict[str, Any] = {}\n\n\ndef make_options("),
        (
            '"tags": list(message.tags),',
            '"tags": _KEPT.setdefault("tags", list(message.tags) or None) or _KEPT.pop("tags"),',
        ),
    ),
    with_options(
        "copies kept for the next message",
        ALONE,
        "A message without cc and bcc went to",
        ("def make_options(", "_KEPT: dict[str, Any] = {}\n\n\ndef make_options("),
        (
            '"cc": list(message.cc),',
            '"cc": _KEPT.setdefault("cc", []) or _KEPT["cc"].extend(message.cc) or _KEPT["cc"],',
        ),
    ),
    with_options(
        "undeclared option dropped without a word",
        UNDECLARED,
        "The option stream is not declared, and a message with it gave SendResult",
        wrapped("message.stream = None"),
    ),
    with_options(
        "injection through who gets answers",
        CLEAN,
        "The option replyTo adds recipients",
        ("def make_options(", "from urllib.parse import parse_qs\n\n\ndef make_options("),
        (_PLAIN, "    return {**options, **parse_qs(f'replyTo={message.reply_to}')}\n"),
    ),
    with_options(
        "injection of a header through another one",
        CLEAN,
        "header or field of somebody else's making: bcc, x-injected",
        ('"headers": dict(message.headers),', '"headers": dict(split(message.headers)),'),
        ("def make_options(", f"{_SPLIT}def make_options("),
    ),
    with_options(
        "more allowed than is sent",
        LIMITS,
        "tagLength is 20, and of a message of less this was lost",
        ('"tags": list(message.tags),', '"tags": [tag[:9] for tag in message.tags],'),
    ),
    with_options(
        "limit that is cut to",
        LIMITS,
        "Beyond tags (2) a message gave SendResult",
        wrapped("message.tags = message.tags[:2]"),
    ),
)

BATCHES = (
    with_options(
        "outcomes out of order",
        BATCH,
        "The outcome at 0 is of another message",
        (_RETURN, _RETURN.replace("zip(ids, messages, strict=True)", "zip(ids[::-1], messages[::-1])")),
    ),
    with_options(
        "ids out of order",
        BATCH,
        "The outcome at 0 has the id of another message",
        (_RETURN, _RETURN.replace("zip(ids, ", "zip(ids[::-1], ")),
    ),
    with_options(
        "outcome missing",
        BATCH,
        "Message 0 of the batch failed",
        (_RETURN, _RETURN.replace("zip(ids, messages, strict=True)", "zip(ids[1:], messages)")),
    ),
    with_options(
        "message of a batch twice",
        BATCH,
        "A message of the batch is lost, or arrived twice",
        ('json={"messages": bodies}', 'json={"messages": [*bodies, bodies[0]]}'),
        ("len(ids) != len(messages)", "len(ids) < len(messages)"),
        (_RETURN, _RETURN.replace(", strict=True", "")),
    ),
    with_options(
        "content of somebody else in a batch",
        BATCH,
        "Some got the code of somebody else",
        (
            '    url = f"{make_url(config)}/batch"\n',
            "    bodies = [{**bodies[-1], 'to': b['to']} for b in bodies]\n    url = f'{make_url(config)}/batch'\n",
        ),
    ),
    with_options(
        "batch raised what it shall return",
        BATCH,
        "Message 0 of the batch failed",
        (_RETURN, f'    if len(ids) == 3:\n        raise SendError("One of them was refused.")\n{_RETURN}'),
    ),
    with_options(
        "refused batch told as sent",
        BATCH_KEY,
        "an outcome is SendResult",
        (
            "        raise read_refusal(answer)\n    body",
            "        return [SendResult(message_id='none', recipients=tell(one)) for one in messages]\n    body",
        ),
    ),
    with_options(
        "refused batch called unknown",
        BATCH_KEY,
        "an outcome is SendError",
        (
            "        raise read_refusal(answer)\n    body",
            "        raise SendError('Who knows?', outcome='unknown')\n    body",
        ),
    ),
    with_options(
        "lost batch called not sent",
        BATCH_LOST,
        "A batch whose answer got lost is called not_sent",
        (_POST, f"    try:\n    {_POST}    except SendError:\n        raise SendError('It broke.') from None\n"),
    ),
    with_options(
        "lost batch sent again",
        BATCH_LOST,
        "A batch whose answer got lost went out 2 times",
        (_POST, f"    try:\n    {_POST}    except SendError:\n    {_POST}"),
    ),
    with_options(
        "shape of a batch's answer trusted",
        BATCH_SHAPE,
        "The connector raised TypeError",
        ('body.get("ids") if isinstance(body, dict) else None', 'body["ids"]'),
    ),
    with_options(
        "batch's answer not read",
        BATCH_SHAPE,
        "A batch whose answer can't be understood was told as a success",
        ("        raise make_refusal(answer, PROVIDER)\n    return [", "        ids = list('123456')\n    return ["),
        (_RETURN, _RETURN.replace(", strict=True", "")),
    ),
)

OPTION_FAULTS = (*SENT, *BATCHES)
