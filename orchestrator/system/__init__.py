"""What this machine gives: clock, keys, redaction, logs, programs."""
