"""Whether the project's figures are true: Locust against a scripted server that records what it really did."""
