"""The first table."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """A table of notes."""

    initial = True
    operations = [
        migrations.CreateModel(
            name="Note",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("text", models.TextField()),
            ],
        )
    ]
