"""A setting that gives names numbers: which e-mail or automation of a tool carries which message."""

from app.contacts.action import SendMessage


def numbers_by_name(text: str, what: str) -> dict[str, int]:
    """``welcome=123, *=456`` as a table. Raises ValueError with what cannot be read; ``what`` is what the numbers are:
    "the id of its e-mail"."""
    found: dict[str, int] = {}
    for part in filter(None, (one.strip() for one in text.split(","))):
        name, sign, number = (piece.strip() for piece in part.partition("="))
        if not sign or not name or not (number.isascii() and number.isdecimal()):
            raise ValueError(f'"{part}" is not a message and {what}, as in welcome=123456')
        if name in found:
            raise ValueError(f'"{name}" stands there twice')
        found[name] = int(number)
    return found


def number_for(action: SendMessage, text: str, what: str) -> str:
    """The number that carries a message: by the id of its content or rule, or by its name; empty for none."""
    known = numbers_by_name(text, what)
    return next((str(known[name]) for name in (action.content, action.rule, action.message) if name in known), "")


def wrong_numbers(text: str, what: str) -> str:
    """What is wrong with such a setting; empty where nothing is."""
    try:
        numbers_by_name(text, what)
    except ValueError as error:
        return str(error)
    return ""
