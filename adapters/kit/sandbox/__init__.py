"""A simulated Kit: one account with forms, tags and sequences."""

from adapters.kit.sandbox.account import Kit

VENDOR = Kit
