"""The script that counts the shape of the code, on small trees whose numbers can be counted by eye."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "tree_shape.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tree_shape", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tree(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_lines_files_and_importers(script: ModuleType, tmp_path: Path) -> None:
    source = tree(
        tmp_path / "house",
        {
            "__init__.py": '"""A house."""\n',
            "rooms/__init__.py": "",
            "rooms/hall.py": '"""A hall.\n\nTwo doors."""\n\n# wide\nDOORS = (\n    2\n)\nLAMPS = 1\n"""Lamps."""\n',
            "rooms/attic.py": "def up():\n    from house.rooms import hall\n    return hall.DOORS\n",
            "rooms/cellar.py": "from house.rooms.attic import up\n" + "x = 1\n" * 60,
            "garden.py": "import house.rooms.attic\n",
        },
    )
    found = script.shape(source)
    assert (found["lines"], found["code_lines"]) == (76, 4 + 3 + 61 + 1)
    assert (found["files"], found["init_files"]) == (4, 2)
    assert (found["median_lines"], found["90th_percentile_lines"], found["longest_lines"]) == (6.5, 61, 61)
    assert found["longest_file"] == ["rooms/cellar.py"]
    assert (found["files_under_30_lines"], found["percent_under_30_lines"]) == (3, 75.0)
    assert found["files_under_50_with_one_importer"] == 1  # hall; the attic has two, the others none
    assert found["largest_folders"] == {"rooms": 3, ".": 1}


def test_a_flag_counts_in_strings_that_users_may_read(script: ModuleType, tmp_path: Path) -> None:
    lines = [
        '"""Reads --file."""',
        'a = "pass --max_length"',
        'b = f"pass --seed {a} or " "--quiet"',
        'c = "a line -- or --- a rule"',
        'd = "var(--ink) --paper: white"',
        "e = 1  # --comment",
    ]
    text = "\n".join(lines)
    source = tree(tmp_path / "house", {"models/a.py": text, "workflows/b.py": text, "cli/c.py": text})
    found = script.shape(source)
    assert found["flags_by_package"] == {"models": 2}
    assert found["flags_named_below_workflows"] == 2


def test_a_file_is_in_the_walk_if_a_function_of_it_ran(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tree(
        tmp_path / "walked_house",
        {
            "__init__.py": "def ring():\n    from walked_house import door\n    door.enter()\n",
            "door.py": "from walked_house import stairs, bell\n\ndef enter():\n    return [bell.BELL]\n",
            "stairs.py": "def climb():\n    return 1\n",
            "bell.py": "from walked_house import wire\n\nclass Bell:\n    loud = True\n\nBELL = wire.pull()\n",
            "wire.py": "def pull():\n    return 0\n",
        },
    )
    monkeypatch.syspath_prepend(str(tmp_path))

    def work() -> None:
        import walked_house

        walked_house.ring()
        thread = threading.Thread(target=sys.modules["walked_house.stairs"].climb)
        thread.start()
        thread.join()

    assert script.files_that_work(package, work) == ["door.py", "stairs.py"]


@pytest.mark.slow
def test_a_verb_is_walked_through_in_earnest() -> None:
    arguments = [sys.executable, str(SCRIPT), "--walk", "evaluate", "--files", "--json"]
    found = json.loads(subprocess.run(arguments, capture_output=True, text=True, check=True).stdout)
    assert found["files_in_evaluate"] == len(found["names"]) == sum(found["by_package"].values())
    assert {"workflows", "metrics", "report"} <= set(found["by_package"])
