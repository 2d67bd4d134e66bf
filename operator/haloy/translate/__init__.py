"""Routes, Backends, HealthPolicies and Secrets → the Model, and what was found out about each of them."""

from haloy.translate.certificates import read_retained, read_retained_bundle
from haloy.translate.context import (
    Context,
    RetainedBundle,
    RetainedCertificate,
    Translation,
    retained_bundles,
    retained_certificates,
)
from haloy.translate.cycle import translate
from haloy.translate.memo import Memo

__all__ = [
    "Context",
    "Memo",
    "RetainedBundle",
    "RetainedCertificate",
    "Translation",
    "read_retained",
    "read_retained_bundle",
    "retained_bundles",
    "retained_certificates",
    "translate",
]
