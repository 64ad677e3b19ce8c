"""Mailgun connector for connector-core: mails through Mailgun."""
