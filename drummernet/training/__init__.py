"""From unlabelled stems to a trained transcriber."""
