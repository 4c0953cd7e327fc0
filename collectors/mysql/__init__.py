"""Reading MySQL and MariaDB."""
