"""What a round of iterated RLHF is made of, apart from where it is kept."""
