"""Rewrite the user's source so that every operation is recorded, and keep the record."""
