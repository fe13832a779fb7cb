"""Opening and saving snapshots, connections and sessions in the interface."""
