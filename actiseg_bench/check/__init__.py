"""Whether finished runs are what they say: their results held against all that is stored beside them."""
