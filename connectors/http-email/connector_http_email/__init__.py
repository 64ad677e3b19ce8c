"""HTTP e-mail connector for connector-core: messages posted to an endpoint of your own."""
