"""Server-side apply: field sets, typed merge and compare, managedFields."""
