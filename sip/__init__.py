"""The telephone: SIP user agent, test phone, embedded gateway, trunks, dialing. Imports flows only; sip.dial is for campaigns.gate alone."""
