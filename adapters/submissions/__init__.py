"""Forms as they are sent in, whoever sends them: bodies, the shapes of builders, and what is made of the answers.

Shared by the adapters whose tool is a form.
"""
