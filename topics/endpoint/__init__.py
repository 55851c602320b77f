"""Asking a deployed model."""
