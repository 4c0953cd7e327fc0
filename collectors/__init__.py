"""Reading engines: one folder per engine, one poller for all of them."""
