"""What captures/make.py is made of: packets, SIP legs, scenarios."""
