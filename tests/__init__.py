"""Tests: tables of calls, properties, contracts, and real calls over SIP."""
