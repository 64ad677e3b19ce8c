"""SendGrid connector for connector-core: mails through SendGrid."""
