"""MetaRM: samples beside the pairs, and a step at weights that they have moved."""
