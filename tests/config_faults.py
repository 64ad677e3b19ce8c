"""Faults in what a connector says of itself: schema, metadata and guide."""

from fault import GUIDE, METADATA, PLUGIN, SCHEMA, fault

CONFIGS = (
    fault(
        "empty text accepted",
        "test_an_empty_text_is_an_issue",
        "accepted though something is wrong at $.apiKey",
        (SCHEMA, '      "minLength": 1,\n      "maxLength": 200,', '      "maxLength": 200,'),
    ),
    fault(
        "unknown setting accepted",
        "test_an_unknown_setting_is_an_issue",
        "accepted though something is wrong at $.templates[0]",
        (SCHEMA, '        "additionalProperties": false,\n        "if"', '        "if"'),
    ),
    fault(
        "missing setting accepted",
        "test_a_missing_setting_is_an_issue_or_not_needed",
        "KeyError",
        (SCHEMA, '"required": ["apiKey", "fromEmail"', '"required": ["fromEmail"'),
    ),
    fault(
        "wrong type accepted",
        "test_a_value_of_the_wrong_type_is_an_issue",
        "accepted though something is wrong at $.apiKey",
        (SCHEMA, '      "type": "string",\n      "minLength": 1,\n      "maxLength": 200,', '      "minLength": 1,'),
    ),
    fault(
        "missing usage type accepted",
        "test_a_missing_usage_type_is_an_issue",
        "accepted though something is wrong at $.templates",
        (SCHEMA, '"$ref": "urn:connector-core:email#/$defs/templates",', '"type": "array",'),
    ),
    fault(
        "repeated template accepted",
        "test_a_repeated_template_is_an_issue",
        "accepted though something is wrong at $.templates",
        (PLUGIN, "return find_repeated_templates(config)", "return []"),
    ),
    fault(
        "form item without label",
        "test_every_form_item_has_a_label",
        "Without a title: $.apiKey",
        (SCHEMA, '      "title": "API key",\n', ""),
    ),
    fault(
        "missing language",
        "test_every_language_has_a_guide_and_a_description",
        "The guide is missing in: fr",
        (METADATA, ', "fr": "README.fr.md"', ""),
    ),
    fault(
        "example in the guide that is no JSON",
        "test_every_example_in_the_guide_is_valid",
        "is no JSON",
        (GUIDE, '-api-key" } }\n', '-api-key" }, }\n'),
    ),
    fault(
        "example in the guide that is not valid",
        "test_every_example_in_the_guide_is_valid",
        "has an issue: $.token",
        (GUIDE, '{ "apiKey": { "$file"', '{ "token": { "$file"'),
    ),
    fault(
        "guide and schema out of step",
        "test_the_settings_in_the_guide_are_those_of_the_schema",
        "lacks settings in its table: apiUrl",
        (GUIDE, "| `apiUrl` |", "| `apiAddress` |"),
    ),
    fault(
        "guides with different code",
        "test_all_languages_of_the_guide_show_the_same_code",
        "Other code than in the first language: fr",
        (GUIDE, "--template > config.json", "--template > settings.json"),
    ),
    fault(
        "guide not translated",
        "test_all_languages_of_the_guide_show_the_same_code",
        "translate it",
        (METADATA, '"fr": "README.fr.md"', '"fr": "README.md"'),
    ),
)
