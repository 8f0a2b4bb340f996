"""Who asks, and what they may do: SMART Backend Services (app launch 2.2.0), and tokens of outside issuers."""
