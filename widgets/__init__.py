"""What is seen: widgets take values and post messages."""
