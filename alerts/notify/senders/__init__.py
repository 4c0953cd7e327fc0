"""The three ways out: Apprise, a signed webhook, Alertmanager."""
