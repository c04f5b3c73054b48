"""Dataset readers, the protocol and its scores, baselines without training."""
