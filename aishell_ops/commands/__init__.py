"""Running one command of a person: judged, decided on, recorded, and run within limits."""
