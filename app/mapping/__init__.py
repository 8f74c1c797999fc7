"""The mapping desk: what a tool sends, what its mapping makes of it, and what a draft of it would change.

Read with the very functions that run live: the adapter's ``parse`` and the mapping's ``inbound``.
"""
