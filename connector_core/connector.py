"""One connector, bound to its hooks: what it says of itself, and its config checked."""

from __future__ import annotations

import copy
import re
from functools import partial
from typing import TYPE_CHECKING, Any

from connector_core.config import Config, read_config
from connector_core.config_issues import find_schema_issues, sort_issues
from connector_core.config_secrets import find_secret_paths, keep_secrets, redact_config
from connector_core.configured_connector import ConfiguredConnector
from connector_core.errors import (
    ConfigIssue,
    ConnectorError,
    InvalidConfig,
    UnsupportedFeature,
)
from connector_core.forms import make_form_items, make_template_config
from connector_core.metadata import choose_language
from connector_core.secrets import Redaction

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pluggy

    from connector_core.findings import Finding
    from connector_core.message import Message, SendResult
    from connector_core.plugins import LoadedConnector
    from connector_core.sandbox.protocol import Sandbox
    from connector_core.store.stored_config import Path
    from connector_core.transport import Transport

_STEP = re.compile(r'\.([\w$-]+)|\["(?:[^"\\]|\\.)*"\]')
"""A step of a JSON path; one that the schema doesn't declare is a key that somebody wrote, which may be anything."""

_REPORT = "report it to its author"


class Connector:
    """One connector of a host."""

    def __init__(
        self,
        manager: pluggy.PluginManager,
        loaded: LoadedConnector,
        all_loaded: Mapping[str, LoadedConnector],
        transport: Transport,
    ) -> None:
        self.metadata = loaded.metadata
        self.distribution = loaded.distribution
        self.version = loaded.version
        self.schema = loaded.schema
        self._transport = transport
        others = [other.plugin for other in all_loaded.values() if other.plugin is not loaded.plugin]
        self._find_hook = partial(manager.subset_hook_caller, remove_plugins=others)
        self._validate_hook = self._find_hook("validate_config")
        self._send_hook = self._find_hook("send_message")

    @property
    def id(self) -> str:
        """Return the connector's id."""
        return self.metadata.id

    @property
    def config_schema(self) -> dict[str, Any]:
        """Return a copy of the JSON Schema of the config, with the shared definitions it uses embedded."""
        return copy.deepcopy(self.schema.document)

    def __repr__(self) -> str:
        return f"<Connector {self.id} of {self.distribution} {self.version}>"

    def name(self, locale: str | None = None) -> str:
        """Return the connector's name for a reader of `locale`."""
        return choose_language(self.metadata.name, locale)

    def guide(self, locale: str | None = None) -> str:
        """Return the page that tells how to set the connector up, in Markdown, for a reader of `locale`."""
        return choose_language(self.metadata.guide, locale)

    def form_items(self) -> list[dict[str, Any]]:
        """Return the items of the settings form, in the shape of Logto's `formItems`."""
        return make_form_items(self.schema)

    def template_config(self) -> dict[str, Any]:
        """Return a config to start from; its placeholders are to be replaced."""
        return make_template_config(self.schema)

    def redact_config(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return a copy of a config that is safe to show."""
        return redact_config(self.schema, config)

    def find_secrets(self, config: Mapping[str, Any]) -> frozenset[Path]:
        """Return the paths of the secrets that a config has in clear, such as `("serverToken",)`."""
        return find_secret_paths(self.schema, config)

    def keep_secrets(self, config: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
        """Return a copy of a redacted config that was edited, with the stored secrets in place of each `***`."""
        return keep_secrets(self.schema, config, stored)

    def redaction(self, config: object, *, resolve_references: bool = True) -> Redaction:
        """Return what strikes the secrets of a config out of texts, such as an application's own error page."""
        reading = read_config(self.schema, config, resolve_references=resolve_references)
        return Redaction(()) if reading.config is None else reading.config.redaction()

    def validate_config(self, config: object, *, resolve_references: bool = True) -> list[ConfigIssue]:
        """Return everything that is wrong with a config, sorted by path; an empty list when it is good.

        Args:
            config: a JSON object; it is not changed.
            resolve_references: whether `{"$env": ...}` and `{"$file": ...}` stand for secrets. Turn it off for a
                config from somebody who must not read this machine's environment and files.

        """
        return self._read(config, resolve_references=resolve_references)[1]

    def configure(self, config: object, *, resolve_references: bool = True) -> ConfiguredConnector:
        """Return the connector with a config, ready to send.

        Args:
            config: a JSON object; it is copied.
            resolve_references: as in `validate_config`.

        Raises:
            InvalidConfig: with every issue.

        """
        read, issues = self._read(config, resolve_references=resolve_references)
        if read is None or issues:
            count = "one issue" if len(issues) == 1 else f"{len(issues)} issues"
            first = f"{issues[0].path}: {issues[0].message}"
            raise InvalidConfig(f"The config of {self.id} has {count}: {first}", issues)
        return ConfiguredConnector(self, read, self._transport, self._send_hook, self._find_hook)

    def send_message(self, config: object, message: Message, *, resolve_references: bool = True) -> SendResult:
        """Send one message with a config that isn't stored, as `configure` and `send_message` in one.

        Raises:
            InvalidConfig: with every issue; nothing was sent.
            SendError: the message was not sent, or nobody knows; see `outcome`.

        """
        with self.configure(config, resolve_references=resolve_references) as configured:
            return configured.send_message(message)

    def check_connection(self, config: object, *, resolve_references: bool = True) -> list[Finding]:
        """Check whether a config that isn't stored works, as `configure` and `check_connection` in one.

        Raises:
            InvalidConfig: with every issue; the provider was not asked.
            UnsupportedFeature: the connector has no live check.

        """
        with self.configure(config, resolve_references=resolve_references) as configured:
            return configured.check_connection()

    def create_sandbox(self, config: Mapping[str, Any] | None = None, port: int = 0) -> Sandbox:
        """Return the connector's local stand-in for its provider, a context manager.

        Args:
            config: a config whose credentials, sender and templates shall exist in the sandbox.
            port: the port on 127.0.0.1, any free one for 0.

        Raises:
            UnsupportedFeature: the connector ships no sandbox.
            ConnectorError: the extra that it needs is not installed.

        """
        try:
            sandbox: Sandbox | None = self._find_hook("create_sandbox")(config=config, port=port)
        except ImportError as cause:
            hint = "" if "pip install" in str(cause) else f': pip install "{self.distribution}[sandbox]"'
            raise ConnectorError(f"The sandbox of {self.id} needs more to be installed: {cause}{hint}") from cause
        except ConnectorError:
            raise
        except Exception as cause:  # noqa: BLE001  a foreign connector may raise anything
            problem = f"The sandbox of {self.id} can't be made ({type(cause).__name__}): {_REPORT}."
            raise ConnectorError(problem) from None
        if sandbox is None:
            raise UnsupportedFeature(f"The connector {self.id} ships no sandbox.")
        return sandbox

    def _read(self, config: object, *, resolve_references: bool) -> tuple[Config | None, list[ConfigIssue]]:
        reading = read_config(self.schema, config, resolve_references=resolve_references)
        if reading.config is None:
            return None, list(reading.issues)
        issues = [*reading.issues, *self._collect_issues(reading.config)]
        if issues:
            redact, declared = reading.config.redaction().redact, set(self.schema.root.declared_names())

            def redact_step(step: re.Match[str]) -> str:
                return step[0] if step[1] in declared else redact(step[0])

            issues = [ConfigIssue(_STEP.sub(redact_step, one.path), one.code, redact(one.message)) for one in issues]
        return reading.config, sort_issues(issues)

    def _collect_issues(self, config: Config) -> list[ConfigIssue]:
        try:
            answers = self._validate_hook(config=config, metadata=self.metadata)
            issues = [issue for answer in answers for issue in answer]
            if not all(isinstance(issue, ConfigIssue) for issue in issues):
                raise TypeError("validate_config must return a list of ConfigIssue")
        except Exception as cause:  # noqa: BLE001  a foreign plugin may raise anything
            # A check that trips over a config of the wrong shape adds nothing to what the schema says.
            issues = find_schema_issues(self.schema, config)
            if issues or config.unread:
                return issues
            failure = ConnectorError(f"The config check of {self.id} failed ({type(cause).__name__}): {_REPORT}.")
            failure.__cause__ = cause
        else:
            return issues
        # Outside of the except block: Python would link the cause once more, after the redaction.
        config.redaction().redact_exception(failure)
        raise failure
