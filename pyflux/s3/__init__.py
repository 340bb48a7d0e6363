"""Reading from storages that speak S3."""
