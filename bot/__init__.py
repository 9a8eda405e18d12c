"""The voice: LiveKit Agents worker, ear, mouth, call shell. The only package that imports livekit.agents."""
