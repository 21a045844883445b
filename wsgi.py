"""The WSGI entry: `granian --interface wsgi wsgi:app` or any other WSGI server."""

from gridwatch.app import create_app

app = create_app()
