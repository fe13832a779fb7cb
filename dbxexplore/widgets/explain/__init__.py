"""Why an object is included or excluded."""
