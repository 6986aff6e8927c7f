"""What a frozen trunk makes of conversations, computed once and kept."""
