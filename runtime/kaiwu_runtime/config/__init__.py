"""Where an API server is and who asks: kubeconfig files, credentials, exec plugins, TLS, proxies."""
