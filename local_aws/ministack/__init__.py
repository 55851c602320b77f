"""All that knows MiniStack's internals: the server, `install`, its patches, and the bridge."""
