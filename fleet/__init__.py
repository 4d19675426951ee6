"""What the controller makes for the fleet, and asks of it."""
