"""Talking to a running HAProxy: the Runtime API's client, its commands, and what they read and change."""
