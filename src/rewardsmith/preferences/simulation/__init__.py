"""Preference sets whose truth is known: true rewards, annotators of stated skill, planted flips."""
