"""The documents speak of the code as it is: generated pages, commands, links and file maps."""

from __future__ import annotations

import ast
import importlib
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import rewardsmith
from rewardsmith.cli.config import parse_config
from rewardsmith.cli.main import COMMANDS

ROOT = Path(__file__).resolve().parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
RESULTS = sorted(set((ROOT / "docs" / "results").glob("*.md")) - {ROOT / "docs" / "results" / "README.md"})
FREE_OF_WRAPPING = {"cli.md", "dialogues.md", "ARCHITECTURE.md", "CHANGELOG.md"}
"""Generated, or with a width of their own."""


def commands(text: str) -> Iterator[list[str]]:
    """The `rewardsmith VERB ...` lines of code blocks, without comments; continued lines are joined."""
    for block in re.findall(r"```(?:bash|sh|console|text)?\n(.*?)```", text, flags=re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line.removeprefix("$ ").strip(), comments=True) if "rewardsmith " in line else []
            if len(words) > 1 and words[0] == "rewardsmith":
                names = [name for name in COMMANDS if words[1:][: len(name.split())] == name.split()]
                yield from ([name, *words[1 + len(name.split()) :]] for name in names)


def test_the_command_line_reference_is_up_to_date() -> None:
    script = ROOT / "scripts" / "generate_cli_docs.py"
    run = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_every_option_is_documented_where_it_is_declared() -> None:
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert [line for line in page.splitlines() if line.startswith("| `--") and line.endswith("|  |")] == []


def test_every_command_in_the_documents_is_understood() -> None:
    found = [command for page in PAGES for command in commands(page.read_text(encoding="utf-8"))]
    assert len(found) > 10
    for verb, *arguments in found:
        if not {"--help", "--config"} & set(arguments):
            parse_config(COMMANDS[verb], arguments, prog=f"rewardsmith {verb}", help_text="")


def test_what_the_documents_import_is_there() -> None:
    found = []
    for page in PAGES:
        for block in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL):
            for node in ast.walk(ast.parse(block)):
                if isinstance(node, ast.ImportFrom):
                    module = importlib.import_module(str(node.module))
                    named = [(module, alias.name) for alias in node.names]
                elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "rewardsmith":
                    named = [(rewardsmith, node.attr)]
                else:
                    continue
                assert [name for module, name in named if not hasattr(module, name)] == [], page.name
                found += named
    assert len(found) >= 5


def test_links_to_files_lead_somewhere() -> None:
    broken = []
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
            if not re.match(r"[a-z]+:", target) and not (page.parent / target).exists():
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert broken == []


def test_the_architecture_page_states_the_layers_that_are_enforced() -> None:
    source = (ROOT / "tests" / "test_architecture.py").read_text(encoding="utf-8")
    names = re.findall(r'"(\w+)"', source.split("LAYERS = (")[1].split("\n)\n")[0])
    page = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    stated = re.findall(r"[a-z_]+", page.split("```text layers\n")[1].split("```")[0])
    assert stated == [name for name in names if not name.startswith("__")]


def test_paths_named_in_the_file_maps_exist() -> None:
    for page in ("README.md", "ARCHITECTURE.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        for path in re.findall(r"`((?:src|tests|docs|scripts|benchmarks)/[\w./-]+)`", text):
            assert (ROOT / path).exists(), f"{page}: {path}"


def test_prose_wraps_at_100_columns() -> None:
    long = []
    for page in PAGES:
        text = re.sub(r"^ *```.*?^ *```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
        prose = [line for line in text.splitlines() if not line.lstrip().startswith("|") and line[:4] != "    "]
        if page.name not in FREE_OF_WRAPPING:
            long += [f"{page.relative_to(ROOT)}: {line}" for line in prose if len(line) > 100]
    assert long == []


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120


def test_a_result_is_question_answer_table_command_and_limits() -> None:
    for page in RESULTS:
        text = page.read_text(encoding="utf-8")
        parts = [text.find(part) for part in ("?\n", "**Answer.**", "\n|", "```sh\n", "**What limits it**")]
        assert text.startswith("# ") and parts == sorted(parts) and parts[0] > 0, page.name


def test_every_result_is_in_the_index() -> None:
    index = (ROOT / "docs" / "results" / "README.md").read_text(encoding="utf-8")
    assert [page.name for page in RESULTS if f"({page.name})" not in index] == []
