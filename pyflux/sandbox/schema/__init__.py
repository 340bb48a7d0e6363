"""Types of the API: built-in kinds from data, custom resources from their OpenAPI schemas."""
