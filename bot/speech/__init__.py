"""Speech models behind small interfaces: local ones that need no account. Imports no LiveKit Agents."""
