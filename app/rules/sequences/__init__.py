"""Sequences: several steps over days for one person, from a way in to one of a closed list of ends. Pure.

``policy`` and ``steps`` are what people write, ``program`` what it is compiled to; ``enrolments`` lets people in and
out, ``walk`` takes them from step to step, ``turns`` says which of several goes first, ``exits`` what ends a way,
``pauses`` what holds it up, ``by_hand`` what people decide about it; ``standing`` and ``results`` tell what came of it.
"""
