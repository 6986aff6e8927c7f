"""The rules: one file each, or one for a small family. ``rules/table.py`` lists them."""
