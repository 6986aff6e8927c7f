"""The shape of the code: how long its files are, who imports them, and how many of them a verb walks through.

    python scripts/tree_shape.py                       # the shape of src/rewardsmith, as a table
    python scripts/tree_shape.py --source DIR --json   # of another tree, as one JSON line
    python scripts/tree_shape.py --walk audit --files  # the files that work in an audit; PYTHONPATH chooses the tree

The shape. `__init__.py` counts as lines of code but not as a file. Code is what is left without blank lines, comments
and docstrings; a string that stands alone, such as one under an option, is a docstring. An importer is a file whose
syntax tree names the module, inside functions too. A flag named below the workflows is a string or f-string outside
`workflows`, `cli` and docstrings with a `--flag` in it; a CSS variable, `--name:` or `var(--name`, is none.

The walk. A verb is run through the Python function of its name, on 80 small pairs and a random Llama of two layers:
`audit` and `refine` by default (`refine` with `flip+margin` as well), `train` for two steps, `evaluate` on the model
of that training. A file is in the walk if a function of it ran meanwhile, in any thread of the process. What runs
because a module is imported does not count, nor do class bodies; nor does `__init__.py`, as above.
Earlier counts of the same code (audit 53, refine 36, train 47, evaluate 32 files) followed a definition that is not
known: this one gives 92, 34, 73 and 76; imports at the head of files, followed from the verb's file, reach 195, 78,
127 and 120; leaving out packages brings neither near all four. So compare two trees by this script alone; numbers per
package stand beside the sum, for those who count fewer packages.
"""

from __future__ import annotations

import argparse
import ast
import concurrent.futures
import inspect
import io
import json
import math
import multiprocessing
import os
import random
import re
import statistics
import sys
import tempfile
import threading
import tokenize
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

SOURCE = Path(__file__).resolve().parents[1] / "src" / "rewardsmith"
NAMES_FLAGS = {"workflows", "cli"}
FLAG = re.compile(r"(?<![\w(-])--[a-z]+_?[a-z_]*(?![\w-]*\s*:)")
SHORT, SMALL = 30, 50
NO_CODE = {
    tokenize.COMMENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
    tokenize.INDENT,
    tokenize.NEWLINE,
    tokenize.NL,
}
VERBS = ("audit", "refine", "train", "evaluate")
WORDS = ("red", "green", "blue", "one", "two", "good", "bad", "fine", "poor", "cat", "dog", "bird", "fish", "tree")


def main() -> int:
    parser = argparse.ArgumentParser(description="The shape of the code, and the files that a verb walks through.")
    parser.add_argument("--source", type=Path, default=SOURCE, help="folder of the package whose shape is printed")
    parser.add_argument("--walk", choices=VERBS, help="run this verb and count the files that worked")
    parser.add_argument("--files", action="store_true", help="with --walk: name the files")
    parser.add_argument("--json", action="store_true", help="one JSON line in place of the table")
    options = parser.parse_args()
    found = walk(options.walk) if options.walk else shape(options.source)
    if options.walk and not options.files:
        del found["names"]
    if options.json:
        print(json.dumps(found))
    else:
        _print(found)
    return 0


def _print(found: dict[str, Any]) -> None:
    for name, value in found.items():
        if isinstance(value, list):
            print(f"{name.replace('_', ' ')}:", *value, sep="\n    ")
        elif isinstance(value, dict):
            print(f"{name.replace('_', ' ')}:", *(f"{count:6,}  {key}" for key, count in value.items()), sep="\n")
        else:
            print(f"{name.replace('_', ' '):36}{value:>8,}")


def shape(source: Path) -> dict[str, Any]:
    """What is counted of a package's folder."""
    texts = {path.relative_to(source): path.read_text(encoding="utf-8") for path in sorted(source.rglob("*.py"))}
    trees = {path: ast.parse(text) for path, text in texts.items()}
    lines = {path: len(text.splitlines()) for path, text in texts.items()}
    files = {path: count for path, count in lines.items() if path.name != "__init__.py"}
    lengths = sorted(files.values())
    importers = count_importers(source.name, trees)
    flags = Counter(
        path.parts[0] for path, tree in trees.items() if path.parts[0] not in NAMES_FLAGS for _ in flags_named(tree)
    )
    folders = Counter(path.parent.as_posix() for path in files)
    num_short = sum(length < SHORT for length in lengths)
    longest = max(files, key=lambda path: files[path])
    return {
        "lines": sum(lines.values()),
        "code_lines": sum(code_lines(texts[path], trees[path]) for path in texts),
        "files": len(files),
        "init_files": len(lines) - len(files),
        "median_lines": statistics.median(lengths),
        "90th_percentile_lines": lengths[math.ceil(0.9 * len(lengths)) - 1],
        "longest_lines": files[longest],
        f"files_under_{SHORT}_lines": num_short,
        f"percent_under_{SHORT}_lines": round(100 * num_short / len(files), 1),
        f"files_under_{SMALL}_with_one_importer": sum(
            length < SMALL and importers[path] == 1 for path, length in files.items()
        ),
        "flags_named_below_workflows": flags.total(),
        "longest_file": [longest.as_posix()],
        "flags_by_package": dict(flags.most_common()),
        "largest_folders": dict(folders.most_common(10)),
    }


def code_lines(text: str, tree: ast.AST) -> int:
    """Lines with code: neither blank, nor only a comment, nor of a string that stands alone."""
    numbers: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in NO_CODE:
            numbers.update(range(token.start[0], token.end[0] + 1))
    for docstring in docstrings(tree):
        numbers.difference_update(range(docstring.lineno, (docstring.end_lineno or docstring.lineno) + 1))
    return len(numbers)


def docstrings(tree: ast.AST) -> list[ast.Constant]:
    """Strings that stand alone as statements."""
    alone = (node.value for node in ast.walk(tree) if isinstance(node, ast.Expr))
    return [value for value in alone if isinstance(value, ast.Constant) and isinstance(value.value, str)]


def flags_named(tree: ast.AST) -> Iterator[ast.expr]:
    """Strings outside docstrings with a command-line flag in them; an f-string is one."""
    passed: set[ast.AST] = set(docstrings(tree))
    for node in ast.walk(tree):  # an f-string comes before its pieces
        if node in passed:
            continue
        if isinstance(node, ast.JoinedStr):
            pieces = [piece for piece in node.values if isinstance(piece, ast.Constant)]
            passed.update(pieces)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            pieces = [node]
        else:
            continue
        if any(FLAG.search(str(piece.value)) for piece in pieces):
            yield node


def count_importers(package: str, trees: dict[Path, ast.Module]) -> Counter[Path]:
    """For every file, how many others import it."""
    paths = {_module(package, path): path for path in trees}
    importers: Counter[Path] = Counter()
    for importer, tree in trees.items():
        imported = {paths[name] for name in _imports(tree, set(paths))}
        importers.update(imported - {importer})
    return importers


def _module(package: str, path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join((package, *(parts[:-1] if parts[-1] == "__init__" else parts)))


def _imports(tree: ast.Module, modules: set[str]) -> Iterator[str]:
    """Modules that a file names; of ``from package import module`` the module, not the package."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                if full in modules:
                    yield full
                elif node.module in modules:
                    yield node.module


def walk(verb: str) -> dict[str, Any]:
    """The files of the package that work while a verb runs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ.update(REWARDSMITH_CACHE=str(folder / "cache"), HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
        # What comes before the verb runs in another process, so that nothing it keeps in memory shortens the walk.
        spawn = multiprocessing.get_context("spawn")
        with concurrent.futures.ProcessPoolExecutor(1, mp_context=spawn) as other:
            other.submit(prepare, verb, folder).result()

        import rewardsmith

        files = files_that_work(Path(rewardsmith.__file__).parent, lambda: run(verb, folder))
    packages = Counter(name.split("/")[0] for name in files)
    return {f"files_in_{verb}": len(files), "by_package": dict(packages.most_common()), "names": files}


def prepare(verb: str, folder: Path) -> None:
    """Pairs, a random model, and what the verb reads of an earlier one."""
    chance = random.Random(0)

    def text(longest: int) -> str:
        return " ".join(chance.choices(WORDS, k=chance.randrange(2, longest)))

    prompts = [text(8) for _ in range(20)]
    rows = [
        {"prompt": prompt, "chosen": f"{text(12)} good", "rejected": f"{text(12)} bad"}
        for prompt in prompts
        for _ in range(4)
    ]
    (folder / "pairs.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    save_random_llama(folder / "model")
    if verb == "refine":
        run("audit", folder)
    elif verb == "evaluate":
        run("train", folder)


def save_random_llama(folder: Path) -> None:
    """A language model of two layers whose tokens are the words of the pairs."""
    import torch
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers

    transformers.utils.logging.disable_progress_bar()
    tokens = ["<unk>", "<s>", "</s>", "<pad>", *WORDS]
    words = Tokenizer(models.WordLevel({token: i for i, token in enumerate(tokens)}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=words, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="<pad>"
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=len(tokens),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=256,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=3,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder)


def run(verb: str, folder: Path) -> None:
    """The verb, by the Python function of its name."""
    import rewardsmith

    pairs, model = folder / "pairs.jsonl", str(folder / "model")
    if verb == "audit":
        rewardsmith.audit(pairs, model_name_or_path=model, output_dir=folder / "audit", quiet=True)
    elif verb == "refine":
        rewardsmith.refine(folder / "audit", output_dir=folder / "refined", quiet=True)
        rewardsmith.refine(folder / "audit", output_dir=folder / "flipped", recipe="flip+margin", quiet=True)
    elif verb == "train":
        rewardsmith.train(pairs, model_name_or_path=model, output_dir=folder / "trained", max_steps=2, quiet=True)
    else:
        rewardsmith.evaluate(
            pairs, reward_model_path=str(folder / "trained"), output_dir=folder / "evaluated", quiet=True
        )


def files_that_work(package: Path, work: Callable[[], None]) -> list[str]:
    """Files under ``package`` of which a function runs during ``work``, other than to import a module."""
    inside = f"{package}{os.sep}"
    ran: set[CodeType] = set()
    passed: set[CodeType] = set()

    def look(frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event != "call" or code in ran or code in passed:
            return
        name = code.co_filename
        is_function = code.co_flags & inspect.CO_OPTIMIZED  # a module or the body of a class is not
        if not (is_function and name.startswith(inside) and name.endswith(".py")) or name.endswith("__init__.py"):
            passed.add(code)
        elif not _imports_a_module(frame, until=work.__code__):
            ran.add(code)

    threading.setprofile(look)
    sys.setprofile(look)
    try:
        work()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return sorted({Path(code.co_filename).relative_to(package).as_posix() for code in ran})


def _imports_a_module(frame: FrameType | None, until: CodeType) -> bool:
    while frame is not None and frame.f_code is not until:
        if frame.f_code.co_name == "<module>":
            return True
        frame = frame.f_back
    return False


if __name__ == "__main__":
    sys.exit(main())
