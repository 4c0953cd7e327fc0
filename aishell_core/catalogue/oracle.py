"""What Oracle alone has."""
