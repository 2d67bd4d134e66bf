"""haloy: a declarative reconciler that makes HAProxy do what Routes, Backends and HealthPolicies say."""

__version__ = "0.1.0"
