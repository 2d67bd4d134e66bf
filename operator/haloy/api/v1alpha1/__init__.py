"""`haloy.dev/v1alpha1`: the kinds as immutable values.

Attributes are the manifest's fields in snake_case; durations are int milliseconds; hosts and addresses are normalised.
"""

from haloy.api.v1alpha1.backend import Backend
from haloy.api.v1alpha1.healthpolicy import HealthPolicy
from haloy.api.v1alpha1.route import Route
from haloy.api.v1alpha1.secret import TlsSecret

__all__ = ["Backend", "HealthPolicy", "Route", "TlsSecret"]
