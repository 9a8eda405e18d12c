"""Rows and live events: SQLAlchemy Core over SQLite or Postgres, Redis for what is live. Imports flows only."""
