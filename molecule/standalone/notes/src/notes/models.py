"""What is in the database."""

from django.db import models


class Note(models.Model):
    """A text that somebody sent."""

    text = models.TextField()
