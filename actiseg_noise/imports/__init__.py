"""Import: other people's noisy labels, beside the clean ones they were made from, become a manifest."""
