"""Rules that repair the supervision of a preference set: target, margin and weight of every pair."""
