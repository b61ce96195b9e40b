"""A small Django project: notes in a database."""
