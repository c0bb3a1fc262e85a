"""Measurements of kaiwuctl and kaiwu-runtime."""
