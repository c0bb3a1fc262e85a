"""The interface a project implements for its webhooks, so that they are found as its controllers are."""

from __future__ import annotations

from kaiwu_runtime.component import Component


class Webhook(Component):
    """Says which webhooks a kind has. In a module ``*_webhook.py``, ``Manager.discover`` finds it."""
