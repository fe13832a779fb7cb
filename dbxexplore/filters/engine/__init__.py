"""How patterns are matched, exactly and in linear time where possible."""
