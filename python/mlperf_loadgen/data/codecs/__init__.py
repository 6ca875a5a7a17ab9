"""Fields as values: what is made of their bytes by their extension, and back."""
