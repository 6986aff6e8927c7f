"""What preferred responses have more of than others: features of the text alone, and which way the labels lean."""
