"""Turns a validated request into files: render, plan, write."""
