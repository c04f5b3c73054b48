"""F_a: from a drum stem to sparse activations of drum components."""
