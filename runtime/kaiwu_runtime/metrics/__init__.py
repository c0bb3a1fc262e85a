"""The metrics of controllers and webhooks, and the server that callers read them from."""
