"""Hosting services: one class each (`Host`), over one REST client."""
