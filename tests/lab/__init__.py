"""The one place that starts real servers for tests and for ./quickstart. See README.md in this folder."""

from .lab import Lab

__all__ = ["Lab"]
