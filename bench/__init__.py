"""Benchmarks at the phone's RTP: python -m bench NAME --edge gateway|external --json FILE."""
