"""Which settings of training are best on a set? Named arms, the same pairs, paired statistics."""
