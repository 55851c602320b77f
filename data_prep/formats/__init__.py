"""Readers of word counts: a module for each kind of file, and what they share."""
