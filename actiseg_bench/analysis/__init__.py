"""What finished runs show beyond their scores: how they fail, what noise does to them, what they memorise."""
