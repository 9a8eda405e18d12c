"""Simulated callers and their score: what `leadline eval` runs. Nothing else imports from here."""
