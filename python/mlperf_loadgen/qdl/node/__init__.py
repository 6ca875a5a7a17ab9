"""What answers at the other end."""
