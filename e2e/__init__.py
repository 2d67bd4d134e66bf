"""End-to-end tests: a real Kubernetes made from packages (`e2e.cluster`), images of our own (`e2e.images`), haloy on top."""
