"""Shelf 4: evidence files: resumable uploads (tus), originals by their hash, previews, custody."""
