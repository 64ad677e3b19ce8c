"""Postmark connector for connector-core: template mails through Postmark."""
