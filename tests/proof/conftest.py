"""The running product and its upstreams, as the feature tests have them."""

from tests.features.conftest import fresh, product, upstreams

__all__ = ["fresh", "product", "upstreams"]
