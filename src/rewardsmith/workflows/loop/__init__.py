"""The stages of ``iterate``: what each reads and writes in the folder of a round."""
