"""What a run leaves: its folder, its manifest, its measurements."""
