"""Simulators of the vendors that real SDKs can talk to: what they share. Each vendor's own is in its folder."""
