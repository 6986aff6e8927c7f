"""The configuration of each verb: the options of the parts, composed. Free of heavy imports.

Flags and YAML keys are the leaf names, flat; the nesting is internal. A class's docstring is its verb's ``--help``.
"""
