from __future__ import annotations

import io

from rich.console import Console

from rewardsmith.report.terminal import print_verdict, printable

VERDICT = {"line": "see [/bold] here", "points": ["[blue]b[/blue] `max_length` 9"], "rest": ["[i]c[/i]"]}


def printed(metrics, **options):
    console = Console(file=io.StringIO(), width=80, force_terminal=False)
    print_verdict(metrics, console, **options)
    return console.file.getvalue()


def test_verdict_numbers_steps_and_path_are_printed(fake_audit):
    text = printed(fake_audit.fake_metrics(200), report_path="/some/where/" + "long" * 30 + "/report.html")
    for words in (
        "about one label in five",
        "- Start with the 431",
        "Some 78 to 84",
        "0.712",
        "16 to 22%",
        "rewardsmith refine audit/",
    ):
        assert words in text
    assert "/some/where/" + "long" * 30 + "/report.html" in text


def test_commands_are_never_wrapped(fake_audit):
    command = "rewardsmith refine " + "x" * 120
    text = printed(fake_audit.fake_metrics(200) | {"next_steps": [{"text": "do", "command": command}]})
    assert command in text


def test_every_space_is_a_space_and_no_other_control_character_stays():
    assert printable("a\u00a0b\u3000c\td\r\ne\x1b\u202ef\x00") == "a b c   d\ne\\x1b\\u202ef\\x00"


def test_markup_and_control_characters_of_the_data_stay_text(fake_audit):
    text = printed(fake_audit.fake_metrics(200) | {"title": "[red]a[/red] \x1b[2Jb", "verdict": VERDICT})
    assert "[red]a[/red]" in text
    assert "\x1b" not in text
    for words in ("[/bold]", "[blue]b[/blue] --max_length 9", "[i]c[/i]"):
        assert words in text
