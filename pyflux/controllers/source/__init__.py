"""Sources: Git repositories become artifacts, kept on disk and served over HTTP."""
