"""Tables of facts about the Kubernetes API, read by the loaders beside them."""
