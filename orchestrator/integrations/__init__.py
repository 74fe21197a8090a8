"""Inside other tools: the pytest plugin, Chaos Toolkit."""
