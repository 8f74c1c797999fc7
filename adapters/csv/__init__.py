"""CSV files: contacts as somebody exported them, taken in by an import."""

from adapters.contract import Adapter
from adapters.csv.rows import parse

ADAPTER = Adapter(name="csv", title="CSV file", receives=False, parse=parse)
