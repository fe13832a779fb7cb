"""How much of each catalog and schema is included."""
