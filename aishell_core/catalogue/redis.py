"""What Redis and Valkey alone have."""
