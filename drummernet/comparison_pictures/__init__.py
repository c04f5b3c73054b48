"""The pictures of a comparison, one kind per module."""
