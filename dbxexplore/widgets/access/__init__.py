"""The page that checks what the connection's principal can see."""
