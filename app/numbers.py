"""Whole numbers as people and programs write them."""

LARGEST = 2**63 - 1  # what the database takes


def whole(text: str, most: int = LARGEST) -> int | None:
    """The number that a text is in plain digits, from 0 to ``most``; None for any other text. ``int()`` alone takes
    blanks, signs and underscores, and Python calls "²" a digit that it cannot read."""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(most))):
        return None
    number = int(text)
    return number if number <= most else None
