"""The order of the layers, and the shape of the files, as the sources have them."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from rewardsmith.artifacts.flat_config import leaf_types
from rewardsmith.cli.main import command_names, verb_module

SOURCE = Path(__file__).resolve().parents[1] / "src" / "rewardsmith"

# A layer may import itself and the layers above it in this list; names on one line do not import each other.
LAYERS = (
    ("errors", "version"),
    ("artifacts", "contracts"),
    ("preferences", "objectives", "metrics"),
    ("tokens",),
    ("models",),
    ("engine",),
    ("strength",),
    ("refining",),
    ("evaluation",),
    ("sampling", "judging", "trials"),
    ("policy", "studies"),
    ("report",),
    ("serving", "studio"),
    ("workflows",),
    ("cli", "__init__"),
    ("__main__",),
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
HEAVY = {"accelerate", "datasets", "pandas", "peft", "pyarrow", "pydantic", "scipy", "sklearn", "torch", "transformers"}
LONG_FILE_LINES = 400
VAGUE_NAMES = {"base", "common", "helper", "helpers", "misc", "util", "utils"}

# These still name flags in their errors; the list gets shorter, and goes.
NAME_FLAGS = {"models", "engine", "strength", "refining", "evaluation", "studies", "preferences/simulation/flips.py"}

FILES = sorted(SOURCE.rglob("*.py"))


def imports_of(source: str) -> Iterator[tuple[int, str]]:
    """Line and dotted name of every import of this package, those inside functions included."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative import; write the full name"
            # `from rewardsmith import models` names a package as `from rewardsmith.models import x` does
            names = [alias.name for alias in node.names] if node.module == "rewardsmith" else [""]
            yield from ((node.lineno, f"{node.module}.{name}".rstrip(".")) for name in names)


def violations(layer: str, source: str) -> list[str]:
    """The imports that a file of ``layer`` must not have."""
    found = []
    for line, name in imports_of(source):
        top, _, rest = name.partition(".")
        imported = rest.split(".")[0]
        if top != "rewardsmith" or imported in ("", layer):
            continue
        if imported not in RANK or RANK[imported] >= RANK[layer]:
            found.append(f"line {line}: {layer} imports {imported}")
    return found


def test_imports_go_one_way() -> None:
    found = []
    for path in FILES:
        layer = path.relative_to(SOURCE).parts[0].removesuffix(".py")
        assert layer in RANK, f"{layer} has no place in LAYERS"
        found += [f"{path.relative_to(SOURCE)} {text}" for text in violations(layer, path.read_text(encoding="utf-8"))]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "from rewardsmith.engine.training.loop import train_loop",
        "import rewardsmith.engine.training.loop",
        "from rewardsmith import engine",
        "def f():\n    from rewardsmith.engine import loop",
        "from rewardsmith.nowhere import x",
    ],
)
def test_a_violation_is_seen(source: str) -> None:
    assert len(violations("models", source)) == 1
    assert violations("cli", source.replace("nowhere", "models")) == []


def test_neighbours_do_not_import_each_other() -> None:
    assert violations("metrics", "from rewardsmith.objectives.preference import preference_loss") != []


def test_files_are_short_or_say_why_not() -> None:
    for path in FILES:
        source = path.read_text(encoding="utf-8")
        if len(source.splitlines()) > LONG_FILE_LINES:
            docstring = ast.get_docstring(ast.parse(source)) or ""
            assert "one file because" in docstring.lower(), f"{path}: over {LONG_FILE_LINES} lines and no reason given"


def test_files_are_named_after_a_concept_and_say_it() -> None:
    for path in FILES:
        source = path.read_text(encoding="utf-8").strip()
        assert path.stem not in VAGUE_NAMES, path
        assert not source or ast.get_docstring(ast.parse(source)), f"{path}: no module docstring"


def test_options_errors_commands_and_packages_load_nothing_heavy() -> None:
    light = [
        path for path in FILES if path.name in ("__init__.py", "options.py", "errors.py") or path.parent.name == "cli"
    ]
    modules = [
        ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__") for path in light
    ]
    script = f"import sys, importlib\nfor name in {modules!r}: importlib.import_module(name)\nprint(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert HEAVY & {name.split(".")[0] for name in run.stdout.split()} == set()


def flags_named(source: str, options: Iterable[str]) -> list[str]:
    """The strings of a file, docstrings apart, in which an option stands as a flag of the command line."""
    tree = ast.parse(source)
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    texts = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    flag = re.compile(rf"--(no_)?({'|'.join(options)})\b")
    return [
        f"line {node.lineno}: {node.value}"
        for node in texts
        if id(node) not in documentation and flag.search(node.value)
    ]


def test_errors_below_the_workflows_name_no_flags() -> None:
    options = {name for command in command_names() for name in leaf_types(verb_module(command).CONFIG)}
    assert flags_named('raise E(f"--max_length {n}")', options) and not flags_named('"""--max_length"""', options)
    for path in FILES:
        name = path.relative_to(SOURCE).as_posix()
        layer = name.split("/")[0].removesuffix(".py")
        if RANK[layer] < RANK["workflows"] and not NAME_FLAGS & {layer, name}:
            assert flags_named(path.read_text(encoding="utf-8"), options) == [], name


def test_no_package_bears_the_name_of_a_verb() -> None:
    verbs = {"audit", "refine", "train", "evaluate", "score", "iterate"}
    assert verbs & {path.stem for path in SOURCE.iterdir()} == set()


def test_only_safe_ways_of_loading_are_used() -> None:
    for path in FILES:
        source = path.read_text(encoding="utf-8")
        assert "trust_remote_code=True" not in source, path
        imported = {name.split(".")[0] for _, name in imports_of(source)}
        assert not imported & {"pickle", "dill", "cloudpickle", "joblib", "marshal"}, path
