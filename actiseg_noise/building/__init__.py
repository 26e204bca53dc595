"""From clips to a manifest: draw the noise, compose the rows, write them."""
