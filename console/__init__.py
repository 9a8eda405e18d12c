"""The console: HTTP API, live events and the page to talk to the bot in a browser. Imports campaigns, sip, store, flows."""
