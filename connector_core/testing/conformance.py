"""The classes that a connector's test file subclasses."""

from __future__ import annotations

from connector_core.testing.answer_checks import AnswerChecks
from connector_core.testing.batch_checks import BatchChecks
from connector_core.testing.batch_wire_checks import BatchWireChecks
from connector_core.testing.config_checks import ConfigChecks
from connector_core.testing.contract_checks import ContractChecks
from connector_core.testing.guide_checks import GuideChecks
from connector_core.testing.injection_checks import InjectionChecks
from connector_core.testing.leak_checks import LeakChecks
from connector_core.testing.live_checks import LiveChecks
from connector_core.testing.live_wire_checks import LiveWireChecks
from connector_core.testing.option_checks import OptionChecks
from connector_core.testing.reading_wire_checks import ReadingWireChecks
from connector_core.testing.sending_checks import SendingChecks
from connector_core.testing.template_checks import TemplateChecks
from connector_core.testing.usage_checks import UsageChecks
from connector_core.testing.wire_checks import WireChecks


class ConnectorTests(
    ContractChecks,
    ConfigChecks,
    GuideChecks,
    SendingChecks,
    InjectionChecks,
    OptionChecks,
    BatchChecks,
    LiveChecks,
    TemplateChecks,
    UsageChecks,
    LeakChecks,
):
    """The checks that hold for every connector of the type Email.

    A subclass names:

        connector_id: the id of the connector, which must be installed.
        config: a valid config with every secret and, where the config has templates, an entry for each of the four
            required usage types, all different. Secrets are made up and have at least 12 characters.
        message: a message whose payload has a `code`.
        languages: the languages of the guide and the description; English and French where nothing else is said.
        has_secrets: False for a connector whose config has none.
        public_settings: the paths of settings that sound like secrets and are none, such as `$.keyName`.
        credentials: the paths of the secrets that the provider checks at a send; all where nothing is said.
        stream: a stream that the sandbox knows, where the connector has this option; `outbound` where nothing is said.
        entry_point_group: the group to discover the connector in.

    The sandbox is the connector's own, made by its hook `create_sandbox` with the config. Where a secret has a form of
    its own that changing letters and digits breaks, override `alter_secret`; where the name of a provider's template
    has one, `rename_template`; where the sandbox shows an option elsewhere than in its messages, `show`. Checks of an
    optional hook pass where the connector doesn't have it.
    """


class HttpConnectorTests(AnswerChecks, WireChecks, BatchWireChecks, LiveWireChecks, ReadingWireChecks, ConnectorTests):
    """The checks for a connector that calls its provider over HTTP; faults of the wire are put before its sandbox.

    A subclass names besides:

        refusals: the refusals that the provider documents, as `Refusal`; at least one.
        accepts_empty_answer: True where a successful status alone confirms a message.

    """
