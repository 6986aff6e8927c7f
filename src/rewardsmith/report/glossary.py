"""Terms of a report: what each means, and links to that where it first stands.

``docs/glossary.md`` says the same in the same words, and more (tested).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from markupsafe import Markup, escape


@dataclass(frozen=True)
class Term:
    name: str
    meaning: str
    spellings: tuple[str, ...] = ()
    """Other forms of it in running text."""

    @property
    def anchor(self) -> str:
        return "term-" + re.sub(r"\W+", "-", self.name.lower())


Terms = tuple[Term, ...]

AUDIT_TERMS: Terms = (
    Term("chosen, rejected", "the response that the label prefers, the other one"),
    Term("strength", "mean gap of the judges: how far they put the chosen response above the rejected one, in logits"),
    Term("spread", "standard deviation of the judges' gaps: how far they disagree"),
    Term("logit", "unit of rewards and gaps: a gap of 1 is odds of e to 1, or 73%", ("logits",)),
    Term("judge", "a member that did not train on the pair's group", ("judges",)),
    Term("split group", "pairs that are trained on, or judged, together, so that no judge has seen them", ("groups",)),
    Term(
        "held out",
        "judged by members that did not train on the pair's group",
        ("held-out",),
    ),
    Term("in-sample", "by members that trained on the pair, which agree with wrong labels too"),
    Term("trunk", "the model whose frozen layers turn texts into numbers; the members are fitted on top of it"),
    Term("p_wrong", "probability that the label is wrong; null for ties", ("probability wrong",)),
    Term("flagged", "more likely wrong than right: p_wrong above 0.5"),
    Term(
        "share of wrong labels",
        "share of labels that are wrong, not counting errors that gather on ambiguous pairs, which do not show",
        ("labels wrong, about",),
    ),
    Term(
        "identifiable",
        "said of the share of wrong labels where the data can tell it from the judges' own errors",
        ("cannot be told",),
    ),
    Term("attainable accuracy", "accuracy that a perfect model would have on the labels as they are, at most"),
    Term(
        "planted flip",
        "a label that the audit flipped on purpose, to measure itself",
        ("planted flips", "labels flipped as a test", "labels that were flipped as a test"),
    ),
    Term("AUROC", "how often a flipped label ranks above another; 0.5 by chance, 1 at best"),
    Term("precision", "share of the flagged labels that are what was looked for"),
    Term("recall", "share of what was looked for that is flagged"),
    Term("ambiguous", "a class: the judges cannot tell the two responses apart (belief between 0.4 and 0.6)"),
    Term("strong", "a class: the judges are sure of the label (belief of 0.9 or more)"),
)


class TermLinks:
    """Escapes text, links the first of each term to its meaning, and shows `option` as a flag; one for each page."""

    def __init__(self, terms: Terms) -> None:
        self._by_spelling = {name.lower(): term for term in terms for name in (term.name, *term.spellings)}
        longest_first = sorted(self._by_spelling, key=len, reverse=True)
        words = "|".join(re.escape(each) for each in longest_first)
        self._pattern = re.compile(rf"`[a-z_]+`|\b(?:{words})\b", re.IGNORECASE)
        self._linked: set[str] = set()

    def __call__(self, text: str) -> Markup:
        done, end = Markup(), 0
        for match in self._pattern.finditer(text):
            if shown := self._shown(match[0]):
                done, end = done + escape(text[end : match.start()]) + shown, match.end()
        return done + escape(text[end:])

    def _shown(self, found: str) -> Markup | None:
        if found.startswith("`"):
            return Markup("<code>--{}</code>").format(found.strip("`"))
        term = self._by_spelling[found.lower()]
        if term.name in self._linked:
            return None
        self._linked.add(term.name)
        return Markup('<a class="term" href="#{}" title="{}">{}</a>').format(term.anchor, term.meaning, found)
