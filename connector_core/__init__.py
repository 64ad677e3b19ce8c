"""Send template mails through any provider: the public names of connector_core.

A name is imported when it is first used, so that `import connector_core` costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from connector_core.lazy_names import import_lazily

if TYPE_CHECKING:
    from connector_core.address import ascii_address
    from connector_core.address_policy import PublicAddresses
    from connector_core.attachment import Attachment
    from connector_core.config import Config, parse_config
    from connector_core.configured_connector import ConfiguredConnector
    from connector_core.connector import Connector
    from connector_core.errors import (
        AccountRestricted,
        AuthorizationFailed,
        ConfigIssue,
        ConnectorError,
        ConnectorNotFound,
        DeliveryUnknown,
        InvalidConfig,
        InvalidConnector,
        InvalidMessage,
        InvalidResponse,
        Outcome,
        ProviderReply,
        ProviderUnavailable,
        RateLimitExceeded,
        RecipientRejected,
        SenderRejected,
        SendError,
        StoreConflict,
        StoreError,
        TemplateNotFound,
        UnsupportedFeature,
        UnsupportedOption,
        UsageLimitExceeded,
    )
    from connector_core.findings import Finding, explain_failure
    from connector_core.hookspecs import hookimpl
    from connector_core.host import Host
    from connector_core.http_answer import Response
    from connector_core.jsonvalue import format_path
    from connector_core.live import ask_at_once
    from connector_core.mailbox import Mailbox
    from connector_core.message import USAGE_TYPES, Message, RecipientStatus, SendResult
    from connector_core.metadata import ConnectorMetadata
    from connector_core.payloads import find_unknown_variables, main_variable, sample_payload
    from connector_core.plugins import LoadFailure
    from connector_core.provisioning import Template, TemplateChange, choose_template
    from connector_core.refusals import make_refusal
    from connector_core.rendering import Content, clean_header, render_content, render_text, shorten_text
    from connector_core.sandbox.protocol import Sandbox, SandboxMessage
    from connector_core.secrets import Redaction, Secret
    from connector_core.starters import STARTER_LOCALES, starter_templates
    from connector_core.templates import TemplateIndex, find_repeated_templates
    from connector_core.transport import Limits, Transport, parse_retry_after

__all__ = [
    "STARTER_LOCALES",
    "USAGE_TYPES",
    "AccountRestricted",
    "Attachment",
    "AuthorizationFailed",
    "Config",
    "ConfigIssue",
    "ConfiguredConnector",
    "Connector",
    "ConnectorError",
    "ConnectorMetadata",
    "ConnectorNotFound",
    "Content",
    "DeliveryUnknown",
    "Finding",
    "Host",
    "InvalidConfig",
    "InvalidConnector",
    "InvalidMessage",
    "InvalidResponse",
    "Limits",
    "LoadFailure",
    "Mailbox",
    "Message",
    "Outcome",
    "ProviderReply",
    "ProviderUnavailable",
    "PublicAddresses",
    "RateLimitExceeded",
    "RecipientRejected",
    "RecipientStatus",
    "Redaction",
    "Response",
    "Sandbox",
    "SandboxMessage",
    "Secret",
    "SendError",
    "SendResult",
    "SenderRejected",
    "StoreConflict",
    "StoreError",
    "Template",
    "TemplateChange",
    "TemplateIndex",
    "TemplateNotFound",
    "Transport",
    "UnsupportedFeature",
    "UnsupportedOption",
    "UsageLimitExceeded",
    "ascii_address",
    "ask_at_once",
    "choose_template",
    "clean_header",
    "explain_failure",
    "find_repeated_templates",
    "find_unknown_variables",
    "format_path",
    "hookimpl",
    "main_variable",
    "make_refusal",
    "parse_config",
    "parse_retry_after",
    "render_content",
    "render_text",
    "sample_payload",
    "shorten_text",
    "starter_templates",
]

_HOMES = {
    "ascii_address": "address",
    "Attachment": "attachment",
    "PublicAddresses": "address_policy",
    "Config": "config",
    "parse_config": "config",
    "AccountRestricted": "errors",
    "AuthorizationFailed": "errors",
    "ConfigIssue": "errors",
    "ConnectorError": "errors",
    "ConnectorNotFound": "errors",
    "DeliveryUnknown": "errors",
    "InvalidConfig": "errors",
    "InvalidConnector": "errors",
    "InvalidMessage": "errors",
    "InvalidResponse": "errors",
    "Outcome": "errors",
    "ProviderReply": "errors",
    "ProviderUnavailable": "errors",
    "RateLimitExceeded": "errors",
    "RecipientRejected": "errors",
    "SenderRejected": "errors",
    "SendError": "errors",
    "StoreConflict": "errors",
    "StoreError": "errors",
    "TemplateNotFound": "errors",
    "UnsupportedFeature": "errors",
    "UnsupportedOption": "errors",
    "UsageLimitExceeded": "errors",
    "Finding": "findings",
    "explain_failure": "findings",
    "hookimpl": "hookspecs",
    "ConfiguredConnector": "configured_connector",
    "Connector": "connector",
    "Host": "host",
    "Mailbox": "mailbox",
    "USAGE_TYPES": "message",
    "Message": "message",
    "RecipientStatus": "message",
    "SendResult": "message",
    "ConnectorMetadata": "metadata",
    "find_unknown_variables": "payloads",
    "main_variable": "payloads",
    "sample_payload": "payloads",
    "LoadFailure": "plugins",
    "Template": "provisioning",
    "TemplateChange": "provisioning",
    "choose_template": "provisioning",
    "make_refusal": "refusals",
    "Content": "rendering",
    "clean_header": "rendering",
    "render_content": "rendering",
    "render_text": "rendering",
    "shorten_text": "rendering",
    "Sandbox": "sandbox.protocol",
    "SandboxMessage": "sandbox.protocol",
    "Redaction": "secrets",
    "Secret": "secrets",
    "STARTER_LOCALES": "starters",
    "starter_templates": "starters",
    "TemplateIndex": "templates",
    "find_repeated_templates": "templates",
    "Limits": "transport",
    "Response": "http_answer",
    "format_path": "jsonvalue",
    "ask_at_once": "live",
    "Transport": "transport",
    "parse_retry_after": "transport",
}
"""The module that each public name comes from."""

__getattr__, __dir__ = import_lazily(globals(), _HOMES)
