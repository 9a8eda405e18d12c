"""The SIP and RTP user agent that the test phone and the gateway share. Imports nothing of ours."""
