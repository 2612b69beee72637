"""Trunkline: phone networks that are accountable when abused and private otherwise."""

__version__ = "0.1.0"
