"""One process of `haloy serve`: everything wired together, brought up, and taken down again."""

from haloy.runtime.serve import Display, StartFailed, serve_directory

__all__ = ["Display", "StartFailed", "serve_directory"]
