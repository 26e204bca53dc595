"""Other projects' files: noisy labels come in as manifests, manifests go out in their layouts."""
