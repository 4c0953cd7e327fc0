"""What MySQL and MariaDB alone have."""
