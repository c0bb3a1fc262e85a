"""The API client: credentials, transport, typed requests, owner references and reads from the cache."""
