"""The order of the layers, and the shape of the files, as the sources have them."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from rewardsmith.artifacts.config.flat_config import leaf_types
from rewardsmith.cli.main import COMMANDS

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
# Rooms of a package: each imports those before it; names in one bracket do not import each other.
ROOMS = {
    "artifacts": (("terminal", "config"), ("files",), ("runs",)),
    "engine": (("hardware", "attention"), ("batches", "features"), ("training", "scoring"), ("members", "doctor")),
    "preferences": (("files", "pairs"), ("sources", "rows"), ("formats", "exports"), ("unlabelled", "simulation")),
    "models": (("layers",), ("loading",), ("members",)),
    "strength": (("leanings", "label_noise"), ("ensembles",), ("planted",), ("numbers",)),
    "policy": (("networks",), ("rollouts",), ("ppo", "worlds", "rounds"), ("imitation", "trl")),
    "report/audit": (("pairs",), ("leanings",), ("words",), ("figures",)),
}
VAGUE_NAMES = {"base", "common", "helper", "helpers", "misc", "util", "utils"}

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


@pytest.mark.parametrize("package", ROOMS)
def test_rooms_of_a_package_go_one_way(package: str) -> None:
    rank = {name: number for number, names in enumerate(ROOMS[package]) for name in names}
    folder = SOURCE / package
    assert {path.parent.name for path in folder.glob("*/__init__.py")} == set(rank)
    found = []
    for path in folder.glob("*/**/*.py"):
        room = path.relative_to(folder).parts[0]
        for _, name in imports_of(path.read_text(encoding="utf-8")):
            inside = name.removeprefix(f"rewardsmith.{package.replace('/', '.')}.").split(".")[0]
            if inside != room and rank.get(inside, -1) >= rank[room]:
                found.append(f"{path.relative_to(folder)}: {room} imports {inside}")
    assert found == []


def test_the_page_of_the_architecture_names_files_that_exist() -> None:
    page = (SOURCE.parents[1] / "ARCHITECTURE.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:[a-z_]+/)+[a-z_]+(?:\.[a-z]+)?)`", page))
    roots = (SOURCE.parents[1], SOURCE, SOURCE / "refining")
    assert len(named) > 40
    assert [name for name in sorted(named) if not any((root / name).exists() for root in roots)] == []


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
        path
        for path in FILES
        if path.name in ("__init__.py", "options.py", "errors.py") or path.parent.name in ("cli", "options")
    ]
    modules = [
        ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__") for path in light
    ]
    script = f"import sys, importlib\nfor name in {modules!r}: importlib.import_module(name)\nprint(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert HEAVY & {name.split(".")[0] for name in run.stdout.split()} == set()


def flags_named(source: str, options: Iterable[str]) -> list[str]:
    """The strings of a file in which an option stands as a flag; not docstrings, nor whole commands to copy."""
    tree = ast.parse(source)
    flag = re.compile(rf"--(no_)?({'|'.join(options)})\b")
    command = re.compile(rf"rewardsmith ({'|'.join(COMMANDS)}) .*")
    passed = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    found = []
    for node in ast.walk(tree):  # an f-string comes before its pieces
        if node in passed:
            continue
        pieces = node.values if isinstance(node, ast.JoinedStr) else [node]
        passed.update(pieces)
        text = "".join(str(piece.value) if isinstance(piece, ast.Constant) else " " for piece in pieces)
        if flag.search(command.sub("", text)):
            found.append(f"line {getattr(node, 'lineno', 0)}: {text}")
    return found


def test_errors_below_the_workflows_name_no_flags() -> None:
    options = {name for config in COMMANDS.values() for name in leaf_types(config)}
    assert flags_named('raise E(f"--max_length {n}")', options)
    assert not flags_named('"""--max_length"""', options)
    assert not flags_named('x = f"rewardsmith train {name} --max_length 12"', options)
    for path in FILES:
        name = path.relative_to(SOURCE).as_posix()
        if RANK[name.split("/")[0].removesuffix(".py")] < RANK["workflows"]:
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
