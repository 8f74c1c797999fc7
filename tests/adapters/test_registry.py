"""A folder of a tool is found, or said to be wrong; none is passed over in silence. Catalogue: M5."""

from types import SimpleNamespace

import pytest

from adapters.contract import Adapter
from adapters.registry import adapter_of


@pytest.mark.parametrize(
    ("file", "defined", "wrong"),
    [
        ("push.py", {"ADAPTOR": Adapter(name="acme", title="Acme")}, "adapters/acme has push.py, but"),
        ("samples", {}, "adapters/acme has samples, but"),
        ("push.py", {"ADAPTER": Adapter(name="acne", title="Acme")}, "use the folder's name"),
        ("words.py", {}, ""),
        ("push.py", {"ADAPTER": Adapter(name="acme", title="Acme")}, ""),
    ],
)
def test_folder_that_looks_like_a_tools_and_defines_none_is_a_mistake(tmp_path, file, defined, wrong):
    folder = tmp_path / "acme"
    folder.mkdir()
    (folder / file).touch()
    if not wrong:
        assert adapter_of(folder, SimpleNamespace(**defined)) is defined.get("ADAPTER")
        return
    with pytest.raises(ValueError, match=wrong):
        adapter_of(folder, SimpleNamespace(**defined))
