"""The starter kit of locustfiles."""
