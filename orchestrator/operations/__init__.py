"""What a person asks for: plan, run, resume, adopt, stand; and what they share."""
