"""Starts real servers for tests and for ./quickstart; nothing else does. See README.md in this directory."""

from .lab import Lab

__all__ = ["Lab"]
