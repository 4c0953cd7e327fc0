"""What MongoDB alone has."""
