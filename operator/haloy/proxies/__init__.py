"""Proxies: what turns a Model into traffic."""
