"""The ground floor: values, units, errors, engine sessions, series and state."""
