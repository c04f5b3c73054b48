"""From activations to hits: peak picking, whole files in bounded memory, writers, pictures."""
