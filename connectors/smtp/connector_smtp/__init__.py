"""SMTP connector for connector-core: mails through any mail server."""
