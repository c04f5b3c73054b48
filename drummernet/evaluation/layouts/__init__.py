"""How each dataset is laid out: one module per layout."""
