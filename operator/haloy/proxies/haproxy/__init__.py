"""HAProxy, driven: find it, run it, tell it, ask it."""
