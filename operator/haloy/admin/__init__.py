"""The admin port: probes, metrics and status, read-only (no request to it changes anything)."""
