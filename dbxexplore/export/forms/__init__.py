"""The forms that a connection is exported in, one module per form."""
