"""CPU per proxied request of haloy beside other proxies, measured side by side in one run: `python -m bench`."""
