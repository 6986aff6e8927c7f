"""Features that are counts of English phrases; other languages have none of them. Patterns of RE2."""

from __future__ import annotations

_NOT = (
    "(?:can(?:not| not|['’]t)|could(?: not|n['’]t)|won['’]t|will not|am (?:unable|not able) to"
    "|['’]m (?:unable|not able) to)"
)
_SERVE = (
    "(?:help|assist|provide|answer|comply|support|recommend|advise|discuss|give|tell|share|write|create|generate|fulfill?"
    "|engage|condone|encourage|participate|respond|do (?:that|this|it))"
)

PHRASES = {
    "refusals": (
        rf"\bI\s?{_NOT} (?:\w+ )?{_SERVE}\b"
        r"|\bas an? (?:AI|artificial intelligence|(?:large )?language model)\b"
        r"|\bagainst my (?:guidelines|programming|policy|policies|principles)\b"
        r"|\bnot comfortable (?:\w+ing|with)\b|\bdon['’]t feel comfortable\b"
    ),
    "hedges": (
        r"\b(?:maybe|perhaps|possibl[ey]|probabl[ey]|presumably|apparently|seemingly|likely|unlikely|might|may|could"
        r"|seems?|appears?|somewhat|generally|typically|I (?:think|believe|guess|suppose|assume)"
        r"|not (?:really )?(?:sure|certain)|don['’]t (?:really )?know)\b"
    ),
    "apologies": r"\b(?:sorry|apolog(?:y|ies|i[sz]e[sd]?|i[sz]ing)|forgive me|pardon me|my bad|my mistake)\b",
    "polite phrases": (
        r"\b(?:please|thanks|thank you|you['’]re welcome|you are welcome|my pleasure|kindly"
        r"|(?:happy|glad|pleased) to (?:help|assist|hear))\b"
    ),
    "first-person words": r"\b(?:I|me|my|mine|myself)\b",
}
