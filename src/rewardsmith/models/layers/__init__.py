"""Parts of a network: its blocks, the head that gives the reward, dropout, and what adapters do to weights."""
